//! Batched datagram I/O: recvmmsg, sendmmsg, SO_REUSEPORT, PKTINFO.
