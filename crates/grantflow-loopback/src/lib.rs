//! Redirect receiver, browser opening and run_flow for installed applications
