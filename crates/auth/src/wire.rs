//! The attributes that carry the methods, as octets whatever form a dictionary shows them in.

use portreeve_proto::{
    Attr, AttributeList, DataType, Spec,
    attr::{Integer, Octets},
};

const fn octets(oid: &[u32]) -> Attr<Octets> {
    Attr::new(Spec::new(oid, DataType::Octets))
}

/// RFC 2865 section 5.3.
pub(crate) const CHAP_PASSWORD: Attr<Octets> = octets(&[3]);
/// RFC 2865 section 5.40.
pub(crate) const CHAP_CHALLENGE: Attr<Octets> = octets(&[60]);
/// RFC 2548 section 2.1.3.
pub(crate) const MS_CHAP_RESPONSE: Attr<Octets> = octets(&[26, 311, 1]);
/// RFC 2548 section 2.1.5.
pub(crate) const MS_CHAP_ERROR: Attr<Octets> = octets(&[26, 311, 2]);
/// RFC 2548 section 2.4.4.
pub(crate) const MS_MPPE_ENCRYPTION_POLICY: Attr<Integer> =
    Attr::new(Spec::new(&[26, 311, 7], DataType::Integer));
/// RFC 2548 section 2.4.5.
pub(crate) const MS_MPPE_ENCRYPTION_TYPES: Attr<Integer> =
    Attr::new(Spec::new(&[26, 311, 8], DataType::Integer));
/// RFC 2548 section 2.1.2.
pub(crate) const MS_CHAP_CHALLENGE: Attr<Octets> = octets(&[26, 311, 11]);
/// RFC 2548 section 2.4.1. Hidden by the list it is put in, as are the two keys that follow.
pub(crate) const MS_CHAP_MPPE_KEYS: Attr<Octets> = octets(&[26, 311, 12]);
/// RFC 2548 section 2.4.2.
pub(crate) const MS_MPPE_SEND_KEY: Attr<Octets> = octets(&[26, 311, 16]);
/// RFC 2548 section 2.4.3.
pub(crate) const MS_MPPE_RECV_KEY: Attr<Octets> = octets(&[26, 311, 17]);
/// RFC 2548 section 2.3.2.
pub(crate) const MS_CHAP2_RESPONSE: Attr<Octets> = octets(&[26, 311, 25]);
/// RFC 2548 section 2.3.3.
pub(crate) const MS_CHAP2_SUCCESS: Attr<Octets> = octets(&[26, 311, 26]);

/// Appends a value that begins with an identifier octet.
pub(crate) fn push_with_ident(
    list: &mut AttributeList,
    attr: Attr<Octets>,
    ident: u8,
    rest: &[u8],
) {
    let mut value = Vec::with_capacity(1 + rest.len());
    value.push(ident);
    value.extend_from_slice(rest);
    list.add(attr, value);
}
