//! A Semel handler in Rust, without a crate: counts the words of each event and publishes the number.
//!
//! rustc exports what is `#[no_mangle]` and nothing else, so `semel_handler` is the only symbol, as it has to be.
mod semel;

use semel::{Bytes, Event, Handler, Host, Record, Setting, Settings};
use std::ffi::{c_char, c_int, c_void, CStr, CString};
use std::panic::{catch_unwind, AssertUnwindSafe};

static SETTINGS: [Setting; 2] = [
    Setting { name: c"topic".as_ptr(), kind: semel::TEXT, fallback: std::ptr::null(), help: c"Where the numbers go.".as_ptr() },
    Setting { name: std::ptr::null(), kind: semel::TEXT, fallback: std::ptr::null(), help: std::ptr::null() },
];

/// What all workers share.
struct Counter {
    topic: CString,
}

unsafe extern "C" fn open(host: *const Host, settings: *const Settings, ret_self: *mut *mut c_void) -> c_int {
    let topic = CStr::from_ptr(((*host).text)(settings, c"topic".as_ptr())).to_owned();

    *ret_self = Box::into_raw(Box::new(Counter { topic })).cast();
    0
}

unsafe extern "C" fn close(this: *mut c_void) {
    drop(Box::from_raw(this.cast::<Counter>()));
}

/// No panic may leave a function of the plugin: here it becomes a retry that says so.
unsafe extern "C" fn handle(this: *mut c_void, _worker: *mut c_void, e: *const Event) -> c_int {
    let counter = &*this.cast::<Counter>();

    catch_unwind(AssertUnwindSafe(|| unsafe { count(counter, &*e) }))
        .unwrap_or_else(|_| unsafe { end(&*e, semel::RETRY, c"the handler panicked") })
}

unsafe fn count(counter: &Counter, e: &Event) -> c_int {
    let Some(payload) = e.payload.get() else {
        return end(e, semel::SKIP, c"a tombstone");
    };
    let Ok(text) = std::str::from_utf8(payload) else {
        return end(e, semel::REJECT, c"not UTF-8");
    };
    let number = text.split_whitespace().count().to_string();
    let record = Record {
        size: std::mem::size_of::<Record>() as u32,
        n_headers: 0,
        topic: counter.topic.as_ptr(),
        key: e.key,
        payload: Bytes { data: number.as_ptr().cast(), len: number.len() },
        headers: std::ptr::null(),
    };

    // Published if the outcome is OK, under the same id in every run of this event.
    match ((*e.host).emit)(e, &record) {
        0 => semel::OK,
        _ => end(e, semel::RETRY, c"emit failed: is the topic in emits?"),
    }
}

/// An outcome, and why.
unsafe fn end(e: &Event, outcome: c_int, why: &CStr) -> c_int {
    ((*e.host).explain)(e, -1, why.as_ptr() as *const c_char);
    outcome
}

#[no_mangle]
#[allow(non_upper_case_globals)]
pub static semel_handler: Handler = Handler {
    magic: semel::MAGIC,
    size: std::mem::size_of::<Handler>() as u32,
    abi_major: 1,
    abi_minor: 0,
    flags: 0,
    name: semel::padded("word-count"),
    version: semel::padded(env!("CARGO_PKG_VERSION")),
    settings: SETTINGS.as_ptr(),
    open: Some(open),
    worker_open: None,
    handle: Some(handle),
    handle_batch: None,
    flush: None,
    worker_close: None,
    close: Some(close),
};
