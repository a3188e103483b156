//! The durable side of Portreeve: the accounting journal and the database.
