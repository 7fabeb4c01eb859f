//! <semel/handler.h>, ABI 1.0, as Rust sees it.  tests/abi/1.0.txt holds the offsets; `layout` below holds this file to them.
#![allow(dead_code)]

use std::ffi::{c_char, c_double, c_int, c_uint, c_void};

pub const MAGIC: u32 = 0x4c4d_4553;

pub const OK: c_int = 0;
pub const RETRY: c_int = 1;
pub const REJECT: c_int = 2;
pub const SKIP: c_int = 3;
pub const ASYNC: c_int = 4;
pub const CANCELLED: c_int = 5;

pub const TEXT: c_uint = 1;
pub const INTEGER: c_uint = 2;
pub const BOOLEAN: c_uint = 3;

pub const INFO: c_uint = 1;
pub const COUNTER: c_uint = 0;

/// `data` null: absent.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Bytes {
    pub data: *const c_void,
    pub len: usize,
}

impl Bytes {
    /// # Safety
    /// Only while the event lives that it came from.
    pub unsafe fn get<'a>(self) -> Option<&'a [u8]> {
        if self.data.is_null() {
            None
        } else {
            Some(std::slice::from_raw_parts(self.data.cast(), self.len))
        }
    }
}

#[repr(C)]
pub struct Header {
    pub name: *const c_char,
    pub value: Bytes,
}

pub enum Settings {}
pub enum Metric {}

#[repr(C)]
pub struct Event {
    pub host: *const Host,
    pub token: u64,
    pub id: Bytes,
    pub key: Bytes,
    pub payload: Bytes,
    pub subscription: *const c_char,
    pub route: *const c_char,
    pub topic: *const c_char,
    pub offset: i64,
    pub timestamp_ms: i64,
    pub fence: u64,
    pub partition: i32,
    pub attempt: u32,
    pub redelivered: bool,
}

#[repr(C)]
pub struct Record {
    pub size: u32,
    pub n_headers: u32,
    pub topic: *const c_char,
    pub key: Bytes,
    pub payload: Bytes,
    pub headers: *const Header,
}

#[repr(C)]
pub struct Setting {
    pub name: *const c_char,
    pub kind: c_uint,
    pub fallback: *const c_char,
    pub help: *const c_char,
}

/// What the host does for a plugin.
#[repr(C)]
pub struct Host {
    pub size: u32,
    pub abi_minor: u32,
    pub handler: *const c_char,
    pub workers: u32,
    pub batch: u32,
    pub text: unsafe extern "C" fn(*const Settings, *const c_char) -> *const c_char,
    pub number: unsafe extern "C" fn(*const Settings, *const c_char) -> i64,
    pub at: unsafe extern "C" fn(*const Settings, *const c_char, usize, *mut *const c_char, *mut *const c_char) -> bool,
    pub fault: unsafe extern "C" fn(*const Settings, *const c_char, *const c_char),
    pub log: unsafe extern "C" fn(*const Host, *const Event, c_uint, *const c_char, *const Header, usize),
    pub metric: unsafe extern "C" fn(*const Host, c_uint, *const c_char, *const c_char) -> *mut Metric,
    pub record: unsafe extern "C" fn(*mut Metric, c_double),
    pub header: unsafe extern "C" fn(*const Event, *const c_char) -> Bytes,
    pub header_at: unsafe extern "C" fn(*const Event, usize, *mut Header) -> bool,
    pub cancelled: unsafe extern "C" fn(*const Event) -> bool,
    pub lease_ms: unsafe extern "C" fn(*const Event) -> i64,
    pub explain: unsafe extern "C" fn(*const Event, i64, *const c_char),
    pub emit: unsafe extern "C" fn(*const Event, *const Record) -> c_int,
    pub complete: unsafe extern "C" fn(*const Host, u64, c_uint, i64, *const c_char) -> c_int,
}

/// What a plugin is; `semel_handler` is one.
#[repr(C)]
pub struct Handler {
    pub magic: u32,
    pub size: u32,
    pub abi_major: u16,
    pub abi_minor: u16,
    pub flags: u32,
    pub name: [u8; 64],
    pub version: [u8; 32],
    pub settings: *const Setting,
    pub open: Option<unsafe extern "C" fn(*const Host, *const Settings, *mut *mut c_void) -> c_int>,
    pub worker_open: Option<unsafe extern "C" fn(*mut c_void, c_uint, *mut *mut c_void) -> c_int>,
    pub handle: Option<unsafe extern "C" fn(*mut c_void, *mut c_void, *const Event) -> c_int>,
    pub handle_batch: Option<unsafe extern "C" fn(*mut c_void, *mut c_void, *const *const Event, *mut c_int, usize)>,
    pub flush: Option<unsafe extern "C" fn(*mut c_void)>,
    pub worker_close: Option<unsafe extern "C" fn(*mut c_void)>,
    pub close: Option<unsafe extern "C" fn(*mut c_void)>,
}

// The tables are constants, and are read by any thread.
unsafe impl Sync for Handler {}
unsafe impl Sync for Setting {}

/// A text in a field of fixed size, NUL behind it.
pub const fn padded<const N: usize>(text: &str) -> [u8; N] {
    let mut out = [0; N];
    let bytes = text.as_bytes();
    let mut i = 0;
    while i < bytes.len() && i + 1 < N {
        out[i] = bytes[i];
        i += 1;
    }
    out
}

const _LAYOUT: () = {
    use std::mem::{offset_of, size_of};
    assert!(size_of::<Event>() == 128 && offset_of!(Event, redelivered) == 120);
    assert!(size_of::<Handler>() == 176 && offset_of!(Handler, settings) == 112);
    assert!(size_of::<Host>() == 136 && offset_of!(Host, complete) == 128);
    assert!(size_of::<Record>() == 56 && size_of::<Setting>() == 32 && size_of::<Header>() == 24);
};
