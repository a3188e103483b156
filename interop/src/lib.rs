//! Portreeve against programs it did not write.
