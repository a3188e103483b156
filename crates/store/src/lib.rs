//! The durable side of Portreeve: the accounting journal and the database.

pub mod journal;
