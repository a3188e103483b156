//! Every name that the workspace defines or imports, and who holds it.

use std::collections::BTreeSet;

use syn::visit::{self, Visit};

use super::tokens::Kind;
use super::tree::{Source, Tree};

/// Names of the language that need no import.
const PRELUDE: [&str; 30] = [
    "Box",
    "Clone",
    "Copy",
    "Debug",
    "Default",
    "Drop",
    "Eq",
    "Err",
    "From",
    "Into",
    "Iterator",
    "None",
    "Ok",
    "Option",
    "Ord",
    "PartialEq",
    "Result",
    "Self",
    "Send",
    "Some",
    "String",
    "Sync",
    "ToString",
    "TryFrom",
    "TryInto",
    "Vec",
    "drop",
    "panic",
    "str",
    "u8",
];
/// Crates whose inside is not ours to check.
const FOREIGN: [&str; 5] = ["std", "core", "alloc", "clippy", "rustdoc"];

/// What can be said of a name.
#[derive(Default)]
pub(crate) struct Index {
    names: BTreeSet<String>,
    /// A holder (crate, module, type) and one name in it.
    held: BTreeSet<(String, String)>,
    /// Holders whose whole content cannot be read off the source: glob imports, macros.
    open: BTreeSet<String>,
    foreign: BTreeSet<String>,
}

impl Index {
    /// Reads every source and manifest of the tree.
    pub(crate) fn of(tree: &Tree) -> Self {
        let mut index = Self::default();
        for source in tree.sources() {
            let module = index.file(source);
            let mut reader = Reader {
                index: &mut index,
                holder: module,
            };
            reader.visit_file(&source.ast);
        }
        let manifests = tree
            .texts()
            .filter(|(path, _)| path.ends_with("Cargo.toml"));
        for (_, text) in manifests {
            index.manifest(text);
        }
        index
    }

    /// Whether `path`, `a` or `a::b::c`, leads somewhere.
    pub(crate) fn resolves(&self, path: &str) -> bool {
        let segments: Vec<&str> = path
            .split("::")
            .filter(|segment| !["crate", "self", "super", ""].contains(segment))
            .collect();
        match segments.as_slice() {
            [] => true,
            [first, ..] if FOREIGN.contains(first) || self.foreign.contains(*first) => true,
            [only] => self.knows(only),
            _ => segments.windows(2).all(|pair| self.holds(pair[0], pair[1])),
        }
    }

    fn knows(&self, name: &str) -> bool {
        PRELUDE.contains(&name) || self.names.contains(name)
    }

    fn holds(&self, holder: &str, name: &str) -> bool {
        self.held.contains(&(holder.to_owned(), name.to_owned()))
            || (self.open.contains(holder) && self.knows(name))
    }

    fn add(&mut self, holder: &str, name: &str) {
        self.names.insert(name.to_owned());
        self.held.insert((holder.to_owned(), name.to_owned()));
    }

    /// Enters a file's place among the modules and says what it is called.
    fn file(&mut self, source: &Source) -> String {
        let parts: Vec<&str> = source.path.trim_end_matches(".rs").split('/').collect();
        let inside: Vec<&str> = parts
            .iter()
            .copied()
            .filter(|part| !["crates", "src", "mod"].contains(part))
            .collect();
        let (name, holder) = match inside.as_slice() {
            [.., owner, "lib" | "main"] => (*owner, None),
            [.., owner, name] => (*name, Some(*owner)),
            [name] => (*name, None),
            [] => ("", None),
        };
        self.names.insert(name.to_owned());
        if let Some(holder) = holder {
            self.add(holder, name);
        }
        name.to_owned()
    }

    /// Packages under their folder's name and under their own; others are foreign.
    fn manifest(&mut self, text: &str) {
        let keys = text.lines().filter_map(|line| line.split_once(['=', '.']));
        for (key, _) in keys.filter(|(key, _)| !key.contains(['[', '"', '#'])) {
            let name = key.trim().replace('-', "_");
            if !name.starts_with("portreeve") && name.len() > 2 && !self.names.contains(&name) {
                self.foreign.insert(name);
            }
        }
        let name = text.lines().find_map(|line| line.strip_prefix("name = \""));
        if let Some(name) = name.and_then(|rest| rest.split('"').next()) {
            let library = name.replace('-', "_");
            self.names.insert(name.to_owned());
            let short = library.trim_start_matches("portreeve_").to_owned();
            let inside: Vec<String> = self
                .held
                .iter()
                .filter(|(h, _)| *h == short)
                .map(|(_, n)| n.clone())
                .collect();
            for item in inside {
                self.add(&library, &item);
            }
            if self.open.contains(&short) {
                self.open.insert(library.clone());
            }
            self.names.insert(library);
        }
    }
}

struct Reader<'a> {
    index: &'a mut Index,
    holder: String,
}

impl Reader<'_> {
    fn add(&mut self, ident: &syn::Ident) {
        self.index.add(&self.holder, &ident.to_string());
    }

    fn within(&mut self, holder: String, read: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.holder, holder);
        read(self);
        self.holder = outer;
    }

    fn import(&mut self, tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) => {
                self.index.names.insert(path.ident.to_string());
                self.import(&path.tree);
            }
            syn::UseTree::Name(name) => self.add(&name.ident),
            syn::UseTree::Rename(rename) => self.add(&rename.rename),
            syn::UseTree::Glob(_) => {
                self.index.open.insert(self.holder.clone());
            }
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.import(item)),
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.add(&item.sig.ident);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.add(&item.sig.ident);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.add(&item.sig.ident);
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.add(&item.ident);
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.add(&item.ident);
    }

    fn visit_trait_item_const(&mut self, item: &'ast syn::TraitItemConst) {
        self.add(&item.ident);
    }

    fn visit_impl_item_type(&mut self, item: &'ast syn::ImplItemType) {
        self.add(&item.ident);
    }

    fn visit_trait_item_type(&mut self, item: &'ast syn::TraitItemType) {
        self.add(&item.ident);
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.add(&item.ident);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.add(&item.ident);
        self.index.open.insert(item.ident.to_string());
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.add(&item.ident);
        self.within(item.ident.to_string(), |reader| {
            visit::visit_item_struct(reader, item);
        });
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.add(&item.ident);
        self.within(item.ident.to_string(), |reader| {
            visit::visit_item_enum(reader, item);
        });
    }

    fn visit_variant(&mut self, item: &'ast syn::Variant) {
        self.add(&item.ident);
    }

    fn visit_field(&mut self, item: &'ast syn::Field) {
        if let Some(ident) = &item.ident {
            self.add(ident);
        }
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.add(&item.ident);
        self.within(item.ident.to_string(), |reader| {
            visit::visit_item_trait(reader, item);
        });
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let owner = match &*item.self_ty {
            syn::Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
            _ => None,
        };
        let owner = owner.unwrap_or_default();
        self.within(owner, |reader| visit::visit_item_impl(reader, item));
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.add(&item.ident);
        self.within(item.ident.to_string(), |reader| {
            visit::visit_item_mod(reader, item);
        });
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.import(&item.tree);
    }

    fn visit_item_macro(&mut self, item: &'ast syn::ItemMacro) {
        if let Some(name) = &item.ident {
            self.add(name);
        }
        // What a macro makes of these words cannot be seen; they may all be names.
        for token in super::tokens::flatten(item.mac.tokens.clone(), false) {
            if token.kind == Kind::Ident {
                self.index.add(&self.holder, &token.text);
                self.index.open.insert(token.text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index() -> Index {
        Index::of(&Tree::of(&[
            ("Cargo.toml", "[workspace.dependencies]\nrusqlite = \"1\"\n"),
            ("crates/proto/Cargo.toml", "name = \"portreeve-proto\"\n"),
            (
                "crates/proto/src/lib.rs",
                "pub mod endpoint; pub use endpoint::Endpoint;",
            ),
            (
                "crates/proto/src/endpoint.rs",
                "use std::time::Instant; pub struct Endpoint { peers: u8 }
                 impl Endpoint { pub fn receive(&self) {} } enum Gate { Open }
                 attrs! { SESSION_TIMEOUT: u32 = 27; }",
            ),
            ("crates/aaa/src/dialect/mikrotik.rs", "pub fn speak() {}"),
        ]))
    }

    #[test]
    fn names_and_paths_resolve_where_they_are() {
        let index = index();
        for path in [
            "Endpoint",
            "receive",
            "Instant",
            "proto::Endpoint",
            "proto::Endpoint::receive",
            "portreeve_proto::Endpoint",
            "crate::endpoint::Endpoint",
            "Gate::Open",
            "peers",
            "dialect::mikrotik",
            "dialect::mikrotik::speak",
            "std::sync::Arc",
            "SESSION_TIMEOUT",
            "rusqlite::Connection",
            "endpoint::SESSION_TIMEOUT",
            "Option",
        ] {
            assert!(index.resolves(path), "{path}");
        }
    }

    #[test]
    fn names_that_are_gone_do_not() {
        let index = index();
        for path in [
            "Endpoints",
            "proto::Gate",
            "Endpoint::send",
            "Gate::Shut",
            "dialect::cisco",
            "aaa::dialect::mikrotik::hear",
            "portreeve_proto::Gate",
        ] {
            assert!(!index.resolves(path), "{path}");
        }
    }
}
