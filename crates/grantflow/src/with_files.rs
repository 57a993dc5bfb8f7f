//! A transport that reads files for flows: nobody gets it without asking (threat T40).

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;
use std::time::Duration;

use grantflow_core::transport::{Job, Task, Ticks};
use grantflow_core::{
    AsyncTransport, CertificateThumbprint, EntropyError, LoadError, Now, Request, Response, SignError,
    Signature, SigningRequest, Source, Transport, TransportError,
};

/// The largest file that is read for a flow: 64 KiB.
const LARGEST: u64 = 64 * 1024;

/// A transport as it is, which also reads the files that flows name: regular ones of at most 64 KiB, through links too.
///
/// Which files those are is for the flow to say: a search for default credentials names the two that the environment does.
/// In an async program they are read on the thread that asks.
///
/// # Example
///
/// ```no_run
/// # #[cfg(all(feature = "google", feature = "ureq"))]
/// # fn main() -> Result<(), grantflow::Error> {
/// use grantflow::google::{DefaultCredentials, environment};
/// use grantflow::ureq::UreqTransport;
/// use grantflow::{TransportHost, WithFiles, run};
///
/// let transport = WithFiles::new(UreqTransport::new()?);
/// let search = DefaultCredentials::new(environment(), ["https://www.googleapis.com/auth/cloud-platform"])?;
/// let found = run(search.quota_project("billed").find(), &TransportHost::new(&transport))?;
/// println!("from {}", found.place());
/// let credentials = found.build_blocking(transport);
/// # Ok(())
/// # }
/// # #[cfg(not(all(feature = "google", feature = "ureq")))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug)]
pub struct WithFiles<T> {
    transport: T,
}

impl<T> WithFiles<T> {
    /// This transport, and the disk.
    pub fn new(transport: T) -> Self {
        Self { transport }
    }

    /// The transport without the disk.
    pub fn into_inner(self) -> T {
        self.transport
    }
}

/// Reads the file that a flow names.
pub(crate) fn load(source: &Source) -> Result<Vec<u8>, LoadError> {
    match source {
        Source::File(path) => read(path).map_err(|error| match error.kind() {
            // Below a home that is `/dev/null`, as daemons have one, there is nothing either.
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => LoadError::NotFound,
            io::ErrorKind::FileTooLarge => LoadError::TooLarge,
            _ => LoadError::Unreadable,
        }),
        _ => Err(LoadError::Refused),
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    // Before it is opened: a pipe would keep whoever opens it waiting for its other end.
    if !fs::metadata(path)?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // Room for all of it, so that a key that is read leaves no copies behind.
    let mut bytes = Vec::with_capacity(usize::try_from(LARGEST + 1).unwrap_or_default());
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

impl<T: Transport> Transport for WithFiles<T> {
    fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.transport.send(request)
    }

    fn sleep(&self, pause: Duration) {
        self.transport.sleep(pause);
    }

    fn sign(&self, request: SigningRequest) -> Result<Signature, SignError> {
        self.transport.sign(request)
    }

    fn load(&self, source: Source) -> Result<Vec<u8>, LoadError> {
        load(&source)
    }

    fn spawn(&self, job: Job) -> Result<(), Job> {
        self.transport.spawn(job)
    }

    fn certificate(&self) -> Option<CertificateThumbprint> {
        self.transport.certificate()
    }

    fn now(&self) -> Now {
        self.transport.now()
    }

    fn ticks(&self) -> Ticks {
        self.transport.ticks()
    }

    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        self.transport.fill(bytes)
    }
}

// What `#[async_trait]` makes of an implementation, written out: the macro is no dependency of this crate.
impl<T: AsyncTransport> AsyncTransport for WithFiles<T> {
    fn send<'a, 't>(&'a self, request: Request) -> Reply<'t, Result<Response, TransportError>>
    where
        'a: 't,
        Self: 't,
    {
        self.transport.send(request)
    }

    fn sleep<'a, 't>(&'a self, pause: Duration) -> Reply<'t, ()>
    where
        'a: 't,
        Self: 't,
    {
        self.transport.sleep(pause)
    }

    fn sign<'a, 't>(&'a self, request: SigningRequest) -> Reply<'t, Result<Signature, SignError>>
    where
        'a: 't,
        Self: 't,
    {
        self.transport.sign(request)
    }

    fn load<'a, 't>(&'a self, source: Source) -> Reply<'t, Result<Vec<u8>, LoadError>>
    where
        'a: 't,
        Self: 't,
    {
        Box::pin(std::future::ready(load(&source)))
    }

    fn spawn(&self, task: Task) -> Result<(), Task> {
        self.transport.spawn(task)
    }

    fn certificate(&self) -> Option<CertificateThumbprint> {
        self.transport.certificate()
    }

    fn now(&self) -> Now {
        self.transport.now()
    }

    fn ticks(&self) -> Ticks {
        self.transport.ticks()
    }

    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        self.transport.fill(bytes)
    }
}

type Reply<'t, R> = std::pin::Pin<Box<dyn Future<Output = R> + Send + 't>>;

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn directory(name: &str) -> std::path::PathBuf {
        let directory = std::env::temp_dir().join(format!("grantflow-{name}-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        directory
    }

    #[test]
    fn t40_a_file_is_read_if_it_is_one_and_small() {
        let place = directory("with-files");
        let at = |name: &str| load(&Source::File(place.join(name)));
        fs::write(place.join("full"), vec![7; 64 * 1024]).unwrap();
        fs::write(place.join("over"), vec![7; 64 * 1024 + 1]).unwrap();
        assert_eq!(at("full").unwrap().len(), 64 * 1024);
        assert_eq!(at("over").unwrap_err(), LoadError::TooLarge);
        assert_eq!(at("none").unwrap_err(), LoadError::NotFound);
        assert_eq!(at("full/none").unwrap_err(), LoadError::NotFound);
        assert_eq!(at("").unwrap_err(), LoadError::Unreadable);
        #[cfg(unix)]
        {
            // As clusters mount secrets.
            std::os::unix::fs::symlink("full", place.join("link")).unwrap();
            assert!(at("link").is_ok());
            // It has no end, and says that it has no length.
            assert_eq!(
                load(&Source::File("/dev/zero".into())).unwrap_err(),
                LoadError::Unreadable
            );
        }
        fs::remove_dir_all(place).unwrap();
    }
}
