//! Attributes whose value begins with an identifier octet.

use portreeve_proto::{
    Attr, AttributeList, DataType, Spec,
    attr::{self, Octets},
};

/// MS-CHAP-Error (RFC 2548 section 2.1.5) as octets: its identifier may be no part of any text.
pub(crate) const MS_CHAP_ERROR: Attr<Octets> = Attr::new(Spec::of(
    attr::microsoft::CHAP_ERROR.spec().oid,
    DataType::Octets,
));

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
