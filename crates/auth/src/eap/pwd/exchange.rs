//! The commit and confirm exchanges over an elliptic curve (RFC 5931 sections 2.8.3 to 2.8.5).

use p256::elliptic_curve::{
    CurveArithmetic, Field as _, FieldBytes, Group as _, PrimeField as _,
    group::Curve as _,
    point::{AffineCoordinates as _, DecompressPoint},
    subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _},
};
use portreeve_proto::Random;
use zeroize::{Zeroize as _, Zeroizing};

use super::{
    super::Msk,
    keys::{DIGEST_OCTETS, Digest, hash, session_keys, stretch},
};

/// How many candidates are tried whether or not one was found: a time that depended on the
/// password would tell of it. One password in 2^40 needs more.
const LEAST_CANDIDATES: u8 = 40;
/// How many draws of a random number there are before it is given up; the worst curve wastes one
/// in 2^32.
const MOST_DRAWS: usize = 64;
const HUNTING: &[u8] = b"EAP-pwd Hunting And Pecking";

/// What the password element is made of.
pub(super) struct Seed<'a> {
    pub(super) token: [u8; 4],
    pub(super) peer: &'a [u8],
    pub(super) server: &'a [u8],
    pub(super) password: &'a [u8],
}

/// Who computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Server,
    Peer,
}

/// One side that has chosen its random numbers.
pub(super) trait Side: Send {
    /// The payload of its commit: element, then scalar.
    fn commit(&self) -> &[u8];

    /// What follows from the other side's commit, which is checked first.
    fn agree(&self, theirs: &[u8]) -> Result<Shared, &'static str>;
}

/// A curve whose points can be found by one coordinate.
pub(super) trait HuntedCurve: CurveArithmetic<AffinePoint: DecompressPoint<Self>> {}

impl<C: CurveArithmetic<AffinePoint: DecompressPoint<C>>> HuntedCurve for C {}

/// The state of one side of an exchange.
pub(super) struct Exchange<C: HuntedCurve> {
    element: Zeroizing<C::AffinePoint>,
    private: Zeroizing<C::Scalar>,
    commit: Vec<u8>,
}

impl<C: HuntedCurve> Exchange<C> {
    /// Finds the password element and chooses two random numbers.
    pub(super) fn begin(seed: &Seed<'_>, random: &mut dyn Random) -> Option<Self> {
        let element = Zeroizing::new(password_element::<C>(seed)?);
        for _ in 0..MOST_DRAWS {
            let private = draw::<C>(random)?;
            let mask = draw::<C>(random)?;
            if let Some(commit) = commit::<C>(&element, &private, &mask) {
                return Some(Self {
                    element,
                    private,
                    commit,
                });
            }
        }
        None
    }
}

impl<C: HuntedCurve> Side for Exchange<C> {
    fn commit(&self) -> &[u8] {
        &self.commit
    }

    fn agree(&self, theirs: &[u8]) -> Result<Shared, &'static str> {
        let (x, y, scalar) = fields::<C>(theirs).ok_or("its commit has not the group's length")?;
        let (our_x, our_y, our_scalar) = fields::<C>(&self.commit).ok_or("no commit was sent")?;
        if scalar == our_scalar || (&x, &y) == (&our_x, &our_y) {
            return Err("it sends our own commit back");
        }
        let scalar = proper::<C>(scalar).ok_or("its scalar is not between 1 and the order")?;
        let zero = FieldBytes::<C>::default();
        if x == zero || y == zero {
            return Err("a coordinate of its element is zero");
        }
        let element = Option::<C::AffinePoint>::from(C::AffinePoint::from_coordinates(&x, &y))
            .ok_or("its element is not on the curve")?;
        let password = C::ProjectivePoint::from(*self.element);
        let sum = password * scalar + C::ProjectivePoint::from(element);
        let point = Zeroizing::new(sum * *self.private);
        if bool::from(point.is_identity()) {
            return Err("the key would be the identity element");
        }
        Ok(Shared {
            key: Zeroizing::new(point.to_affine().x().to_vec()),
            ours: self.commit.clone(),
            theirs: theirs.to_vec(),
        })
    }
}

/// What both sides know once both have committed.
pub(super) struct Shared {
    /// The x-coordinate of the shared point.
    key: Zeroizing<Vec<u8>>,
    ours: Vec<u8>,
    theirs: Vec<u8>,
}

impl Shared {
    /// What we say to confirm.
    pub(super) fn our_confirm(&self, suite: [u8; 4]) -> Digest {
        hash(&[&self.key, &self.ours, &self.theirs, &suite])
    }

    /// What the other side has to say.
    pub(super) fn their_confirm(&self, suite: [u8; 4]) -> Digest {
        hash(&[&self.key, &self.theirs, &self.ours, &suite])
    }

    /// The master session key and the Session-Id, once both have confirmed.
    pub(super) fn keys(&self, role: Role, suite: [u8; 4]) -> (Msk, Vec<u8>) {
        let ours = (self.our_confirm(suite), scalar_of(&self.ours));
        let theirs = (self.their_confirm(suite), scalar_of(&self.theirs));
        let (peer, server) = match role {
            Role::Server => (theirs, ours),
            Role::Peer => (ours, theirs),
        };
        let master: [&[u8]; 3] = [&self.key, &*peer.0, &*server.0];
        session_keys(&hash(&master), suite, peer.1, server.1)
    }
}

/// The password element (RFC 5931 section 2.8.3): of the points whose x-coordinate follows from
/// the seed and a counter, the first that there is.
pub(super) fn password_element<C: HuntedCurve>(seed: &Seed<'_>) -> Option<C::AffinePoint> {
    let mut found = Choice::from(0);
    let mut element = C::AffinePoint::default();
    for counter in 1..=u8::MAX {
        if counter > LEAST_CANDIDATES && bool::from(found) {
            break;
        }
        let parts = [
            &seed.token,
            seed.peer,
            seed.server,
            seed.password,
            &[counter],
        ];
        let digest = hash(&parts);
        let mut x = FieldBytes::<C>::default();
        stretch(&digest, HUNTING, &mut x);
        let is_odd = Choice::from(digest[DIGEST_OCTETS - 1] & 1);
        let candidate = C::AffinePoint::decompress(&x, is_odd);
        x.as_mut_slice().zeroize();
        let is_first = candidate.is_some() & !found;
        let candidate = candidate.unwrap_or(C::AffinePoint::default());
        element = C::AffinePoint::conditional_select(&element, &candidate, is_first);
        found |= is_first;
    }
    bool::from(found).then_some(element)
}

/// The payload of a commit (RFC 5931 section 2.8.4.1); `None` if the scalar is none.
pub(super) fn commit<C: HuntedCurve>(
    element: &C::AffinePoint,
    private: &C::Scalar,
    mask: &C::Scalar,
) -> Option<Vec<u8>> {
    let scalar = proper::<C>((*private + *mask).to_repr())?;
    let element = (-(C::ProjectivePoint::from(*element) * *mask)).to_affine();
    let scalar = scalar.to_repr();
    let parts: [&[u8]; 3] = [&element.x(), &element.y(), &scalar];
    Some(parts.concat())
}

/// A random number between 1 and the order, exclusive.
fn draw<C: HuntedCurve>(random: &mut dyn Random) -> Option<Zeroizing<C::Scalar>> {
    let mut octets = FieldBytes::<C>::default();
    let drawn = (0..MOST_DRAWS).find_map(|_| {
        random.fill(&mut octets);
        proper::<C>(octets)
    });
    octets.as_mut_slice().zeroize();
    drawn.map(Zeroizing::new)
}

/// The number that these octets are, if it is between 1 and the order, exclusive.
fn proper<C: HuntedCurve>(octets: FieldBytes<C>) -> Option<C::Scalar> {
    let scalar = Option::<C::Scalar>::from(C::Scalar::from_repr(octets))?;
    let is_trivial = scalar.is_zero() | scalar.ct_eq(&C::Scalar::ONE);
    (!bool::from(is_trivial)).then_some(scalar)
}

/// A commit's coordinates and scalar, if it has the length of its group.
fn fields<C: HuntedCurve>(commit: &[u8]) -> Option<(FieldBytes<C>, FieldBytes<C>, FieldBytes<C>)> {
    let size = FieldBytes::<C>::default().len();
    let (x, rest) = commit.split_at_checked(size)?;
    let (y, scalar) = rest.split_at_checked(size)?;
    Some((
        FieldBytes::<C>::try_from(x).ok()?,
        FieldBytes::<C>::try_from(y).ok()?,
        FieldBytes::<C>::try_from(scalar).ok()?,
    ))
}

/// The scalar of a commit whose length has been checked: it is as long as each coordinate.
fn scalar_of(commit: &[u8]) -> &[u8] {
    &commit[commit.len() / 3 * 2..]
}
