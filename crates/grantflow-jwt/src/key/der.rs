//! The DER of keys: elements, and the few structures that hold a key, or a signature of ECDSA.
//!
//! ```text
//! certificate (RFC 5280) ─▶ SubjectPublicKeyInfo (RFC 5280) ─▶ RSAPublicKey (RFC 8017), point, Ed25519 key (RFC 8032)
//!                PKCS #8 (RFC 5958) ─▶ RSAPrivateKey (RFC 8017), SEC 1 ECPrivateKey, Ed25519 seed
//! ```
//!
//! A walk of its own, since what is needed of ASN.1 is less than any parser of it brings along. Lengths have to be minimal, nothing may
//! follow a structure, and what is found is checked again by ring.

use crate::algorithm::Curve;
use crate::error::BadKey;

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
/// `[0]` and `[1]`, constructed.
const CONTEXT_0: u8 = 0xa0;
const CONTEXT_1: u8 = 0xa1;
/// `[1]`, primitive.
const IMPLICIT_1: u8 = 0x81;

/// 1.2.840.113549.1.1.1
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// 1.2.840.10045.2.1
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// 1.2.840.10045.3.1.7
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// 1.3.132.0.34
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
/// 1.3.101.112
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// A private key within its structure.
pub(crate) enum Private<'a> {
    /// An `RSAPrivateKey`.
    Rsa(&'a [u8]),
    Ec {
        curve: Curve,
        private: &'a [u8],
        /// Uncompressed.
        public: Option<&'a [u8]>,
    },
    Ed25519 {
        seed: &'a [u8],
        public: Option<&'a [u8]>,
    },
}

/// A public key within its structure.
pub(crate) enum Public<'a> {
    /// Modulus and exponent, without leading zeros.
    Rsa {
        n: &'a [u8],
        e: &'a [u8],
    },
    Ec {
        curve: Curve,
        point: &'a [u8],
    },
    Ed25519(&'a [u8]),
}

/// `PrivateKeyInfo` and `OneAsymmetricKey` (RFC 5958 section 2).
pub(crate) fn pkcs8(der: &[u8]) -> Result<Private<'_>, BadKey> {
    let (mut algorithm, key, public) = one_asymmetric_key(der).ok_or(BadKey::Malformed)?;
    let identifier = algorithm.take(OBJECT_IDENTIFIER).ok_or(BadKey::Malformed)?;
    if identifier == RSA {
        Ok(Private::Rsa(key))
    } else if identifier == EC {
        sec1(key, Some(curve(&mut algorithm)?))
    } else if identifier == ED25519 {
        let seed = whole(key, OCTET_STRING).ok_or(BadKey::Malformed)?;
        Ok(Private::Ed25519 { seed, public })
    } else {
        Err(BadKey::Unsupported)
    }
}

/// `ECPrivateKey` (SEC 1 section C.4); `outer` is the curve that a structure around it names.
pub(crate) fn sec1(der: &[u8], outer: Option<Curve>) -> Result<Private<'_>, BadKey> {
    let (private, parameters, public) = ec_private_key(der).ok_or(BadKey::Malformed)?;
    let inner = match parameters {
        Some(parameters) => Some(curve(&mut Reader(parameters))?),
        None => None,
    };
    let curve = match (outer, inner) {
        (Some(outer), Some(inner)) if outer != inner => return Err(BadKey::Inconsistent),
        (outer, inner) => outer.or(inner).ok_or(BadKey::Unsupported)?,
    };
    Ok(Private::Ec {
        curve,
        private,
        public,
    })
}

/// Modulus and exponent of an `RSAPrivateKey` (RFC 8017 appendix A.1.2).
pub(crate) fn rsa_private(der: &[u8]) -> Result<(&[u8], &[u8]), BadKey> {
    let numbers = || {
        let mut key = Reader(whole(der, SEQUENCE)?);
        key.take(INTEGER)?;
        Some((key.positive()?, key.positive()?))
    };
    numbers().ok_or(BadKey::Malformed)
}

/// `RSAPublicKey` (RFC 8017 appendix A.1.1).
pub(crate) fn rsa_public(der: &[u8]) -> Result<Public<'_>, BadKey> {
    let numbers = || {
        let mut key = Reader(whole(der, SEQUENCE)?);
        let (n, e) = (key.positive()?, key.positive()?);
        key.0.is_empty().then_some(Public::Rsa { n, e })
    };
    numbers().ok_or(BadKey::Malformed)
}

/// The numbers r and s of an `Ecdsa-Sig-Value` (RFC 3279 section 2.2.3).
pub(crate) fn ecdsa_signature(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut signature = Reader(whole(der, SEQUENCE)?);
    let (r, s) = (signature.positive()?, signature.positive()?);
    signature.0.is_empty().then_some((r, s))
}

/// `SubjectPublicKeyInfo` (RFC 5280 section 4.1).
pub(crate) fn spki(der: &[u8]) -> Result<Public<'_>, BadKey> {
    subject_public_key_info(whole(der, SEQUENCE).ok_or(BadKey::Malformed)?)
}

/// The subject's key in a `Certificate` (RFC 5280 section 4.1). Nothing else of it is looked at.
pub(crate) fn certificate(der: &[u8]) -> Result<Public<'_>, BadKey> {
    let key = || {
        let mut certificate = Reader(whole(der, SEQUENCE)?);
        let mut signed = Reader(certificate.take(SEQUENCE)?);
        certificate.take(SEQUENCE)?;
        certificate.take(BIT_STRING)?;
        signed.take_if(CONTEXT_0)?; // version
        signed.take(INTEGER)?; // serial number
        for _ in ["signature", "issuer", "validity", "subject"] {
            signed.take(SEQUENCE)?;
        }
        signed.take(SEQUENCE).filter(|_| certificate.0.is_empty())
    };
    subject_public_key_info(key().ok_or(BadKey::Malformed)?)
}

fn subject_public_key_info(contents: &[u8]) -> Result<Public<'_>, BadKey> {
    let parts = || {
        let mut info = Reader(contents);
        let mut algorithm = Reader(info.take(SEQUENCE)?);
        let identifier = algorithm.take(OBJECT_IDENTIFIER)?;
        let key = bits(info.take(BIT_STRING)?)?;
        info.0.is_empty().then_some((algorithm, identifier, key))
    };
    let (mut algorithm, identifier, key) = parts().ok_or(BadKey::Malformed)?;
    if identifier == RSA {
        rsa_public(key)
    } else if identifier == EC {
        let curve = curve(&mut algorithm)?;
        Ok(Public::Ec { curve, point: key })
    } else if identifier == ED25519 {
        Ok(Public::Ed25519(key))
    } else {
        Err(BadKey::Unsupported)
    }
}

/// Algorithm, private key and public key.
type Pkcs8<'a> = (Reader<'a>, &'a [u8], Option<&'a [u8]>);

fn one_asymmetric_key(der: &[u8]) -> Option<Pkcs8<'_>> {
    let mut info = Reader(whole(der, SEQUENCE)?);
    matches!(info.take(INTEGER)?, [0 | 1]).then_some(())?;
    let algorithm = Reader(info.take(SEQUENCE)?);
    let key = info.take(OCTET_STRING)?;
    info.take_if(CONTEXT_0)?; // attributes
    let public = match info.take_if(IMPLICIT_1)? {
        Some(public) => Some(bits(public)?),
        None => None,
    };
    info.0.is_empty().then_some((algorithm, key, public))
}

/// Private key, parameters and public key.
type Sec1<'a> = (&'a [u8], Option<&'a [u8]>, Option<&'a [u8]>);

fn ec_private_key(der: &[u8]) -> Option<Sec1<'_>> {
    let mut key = Reader(whole(der, SEQUENCE)?);
    matches!(key.take(INTEGER)?, [1]).then_some(())?;
    let private = key.take(OCTET_STRING)?;
    let parameters = key.take_if(CONTEXT_0)?;
    let public = match key.take_if(CONTEXT_1)? {
        Some(public) => Some(bits(whole(public, BIT_STRING)?)?),
        None => None,
    };
    key.0.is_empty().then_some((private, parameters, public))
}

/// A curve by its name; one that is spelled out in numbers is none that we know.
fn curve(parameters: &mut Reader<'_>) -> Result<Curve, BadKey> {
    match parameters.take(OBJECT_IDENTIFIER) {
        Some(P256) => Ok(Curve::P256),
        Some(P384) => Ok(Curve::P384),
        _ => Err(BadKey::Unsupported),
    }
}

/// The contents of a bit string of whole bytes.
fn bits(contents: &[u8]) -> Option<&[u8]> {
    let (unused, bytes) = contents.split_first()?;
    (*unused == 0).then_some(bytes)
}

/// The contents of the one element that `der` is.
fn whole(der: &[u8], tag: u8) -> Option<&[u8]> {
    let mut reader = Reader(der);
    let contents = reader.take(tag)?;
    reader.0.is_empty().then_some(contents)
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The contents of the next element, which has to have that tag.
    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (first, rest) = self.0.split_first()?;
        let (length, rest) = length(rest).filter(|_| *first == tag)?;
        let (contents, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(contents)
    }

    /// The contents of the next element if it has that tag.
    fn take_if(&mut self, tag: u8) -> Option<Option<&'a [u8]>> {
        if self.0.first() == Some(&tag) {
            self.take(tag).map(Some)
        } else {
            Some(None)
        }
    }

    /// A positive integer, without leading zeros.
    fn positive(&mut self) -> Option<&'a [u8]> {
        match self.take(INTEGER)? {
            [0, rest @ ..] => Some(rest).filter(|rest| matches!(rest, [0x80..=0xff, ..])),
            number @ [0x01..=0x7f, ..] => Some(number),
            _ => None,
        }
    }
}

/// A length in its shortest form, of at most two bytes: no key is longer.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match bytes {
        [short @ 0..=0x7f, rest @ ..] => Some((usize::from(*short), rest)),
        [0x81, one @ 0x80..=0xff, rest @ ..] => Some((usize::from(*one), rest)),
        [0x82, high @ 1..=0xff, low, rest @ ..] => {
            Some((usize::from(u16::from_be_bytes([*high, *low])), rest))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_one_form() {
        let read = |bytes| length(bytes).map(|(length, rest)| (length, rest.len()));
        assert_eq!(read(&[0x7f, 9]), Some((127, 1)));
        assert_eq!(read(&[0x81, 0x80]), Some((128, 0)));
        assert_eq!(read(&[0x82, 1, 0]), Some((256, 0)));
        for bad in [
            &[][..],
            &[0x80],
            &[0x81, 0x7f],
            &[0x82, 0, 0xff],
            &[0x83, 1, 0, 0],
            &[0x82, 1],
        ] {
            assert_eq!(read(bad), None, "{bad:x?}");
        }
    }

    #[test]
    fn bit_strings_are_of_whole_bytes() {
        assert_eq!(bits(&[0, 7]), Some(&[7][..]));
        for bad in [&[][..], &[1, 0xfe], &[7, 0x80], &[8, 0]] {
            assert_eq!(bits(bad), None, "{bad:x?}");
        }
    }

    #[test]
    fn a_curve_that_is_named_twice_is_the_same_twice() {
        // An `ECPrivateKey` with a private key of one byte that names P-256.
        let head = [
            SEQUENCE,
            18,
            INTEGER,
            1,
            1,
            OCTET_STRING,
            1,
            9,
            CONTEXT_0,
            10,
            OBJECT_IDENTIFIER,
            8,
        ];
        let key = [&head, P256].concat();
        for outer in [None, Some(Curve::P256)] {
            let read = sec1(&key, outer);
            assert!(matches!(
                read,
                Ok(Private::Ec {
                    curve: Curve::P256,
                    private: [9],
                    public: None
                })
            ));
        }
        assert!(matches!(sec1(&key, Some(Curve::P384)), Err(BadKey::Inconsistent)));
    }

    #[test]
    fn integers_are_positive_and_minimal() {
        let read = |bytes| Reader(bytes).positive().map(<[u8]>::to_vec);
        assert_eq!(read(&[2, 1, 1]), Some(vec![1]));
        assert_eq!(read(&[2, 2, 0, 0x80]), Some(vec![0x80]));
        for bad in [
            &[2, 0][..],
            &[2, 1, 0],
            &[2, 1, 0x80],
            &[2, 2, 0, 1],
            &[2, 2, 1],
            &[3, 1, 1],
        ] {
            assert_eq!(read(bad), None, "{bad:x?}");
        }
    }
}
