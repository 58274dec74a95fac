//! The metadata as C sees it, registered once per process.
//!
//! This crate may be in one process several times: in a plugin, in a second plugin, in a language binding, in a program.
//! The first copy registers the type; the others find it and use it as it is. They do so only if they were built from the
//! same sources by the same compiler, because the content is made of Rust types.

use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};

use gst::glib::{self, translate::IntoGlib, translate::from_glib};

use crate::meta::BatchContent;

/// Name of the metadata's API; how elements ask for it.
const API: &CStr = c"GstSlipstreamBatchMetaAPI";
/// Name of the one implementation of it.
const IMPLEMENTATION: &CStr = c"GstSlipstreamBatchMeta";
/// Under which the API's type keeps what the first copy of this crate shares with the others.
const SHARED: &CStr = c"slipstream-batch-meta";
/// Under which it keeps the layout of a copy that could not share.
const OTHER: &CStr = c"slipstream-batch-meta-other";
/// Changes with everything that decides how the content lies in memory.
const LAYOUT: &str = env!("SLIPSTREAM_LAYOUT");

/// The meta on a buffer. The lock is of the standard library, which keeps nothing about it elsewhere: copies of this crate can
/// share it.
#[repr(C)]
pub struct Batch {
    parent: gst::ffi::GstMeta,
    /// Held while the content is copied, or changed by someone who does not own the buffer.
    pub(crate) access: Mutex<()>,
    pub(crate) content: BatchContent,
}

/// What the first copy of this crate shares with the others. Never freed.
#[repr(C)]
struct Shared {
    layout: *const std::ffi::c_char,
    info: *const gst::ffi::GstMetaInfo,
    /// The buffer at an address, with a reference for the caller, if it carries a batch; else NULL.
    find: unsafe extern "C" fn(address: usize) -> *mut gst::ffi::GstBuffer,
}

/// What this copy goes by.
pub(crate) struct Registration {
    pub(crate) api: glib::Type,
    pub(crate) info: *const gst::ffi::GstMetaInfo,
    find: unsafe extern "C" fn(address: usize) -> *mut gst::ffi::GstBuffer,
}

// SAFETY: GStreamer never changes a registered info, and functions can be called from anywhere.
unsafe impl Send for Registration {}
// SAFETY: as above.
unsafe impl Sync for Registration {}

impl Registration {
    pub(crate) fn get() -> &'static Self {
        static REGISTRATION: OnceLock<Registration> = OnceLock::new();
        REGISTRATION.get_or_init(|| {
            let _alone = RegistryLock::new();
            Self::shared().unwrap_or_else(|| Self::register(API, IMPLEMENTATION)).unwrap_or_else(|other| {
                // Two builds in one process: each sees its own metadata only.
                gst::error!(
                    gst::CAT_RUST,
                    "batches of this build of Slipstream ({LAYOUT}) and of another one in this process ({other}) cannot be \
                     exchanged: install plugins and Python module of the same build"
                );
                Self::tell_others();
                // Names of types may not hold dots.
                let layout = LAYOUT.replace('.', "_");
                let name = |base: &CStr| {
                    CString::new(format!("{}-{layout}", base.to_string_lossy())).unwrap_or_default()
                };
                Self::register(&name(API), &name(IMPLEMENTATION))
                    .unwrap_or_else(|_| unreachable!("registering does not ask for a layout"))
            })
        })
    }

    /// What another copy of this crate registered: itself, or its layout if that is another one.
    fn shared() -> Option<Result<Self, String>> {
        // SAFETY: names are C strings; what the type keeps under `SHARED` is a `Shared` that is never freed.
        unsafe {
            let api = glib::gobject_ffi::g_type_from_name(API.as_ptr());
            let quark = glib::ffi::g_quark_from_string(SHARED.as_ptr());
            let shared = (api != 0).then(|| glib::gobject_ffi::g_type_get_qdata(api, quark))?;
            let shared = shared.cast::<Shared>().as_ref()?;
            let layout = CStr::from_ptr(shared.layout).to_string_lossy();
            if layout != LAYOUT {
                return Some(Err(layout.into_owned()));
            }
            Some(Ok(Self { api: from_glib(api), info: shared.info, find: shared.find }))
        }
    }

    /// Leaves word with the first copy that this one could not share.
    fn tell_others() {
        let layout = CString::new(LAYOUT).unwrap_or_default().into_raw();
        // SAFETY: names are C strings; what the type keeps is never freed.
        unsafe {
            let api = glib::gobject_ffi::g_type_from_name(API.as_ptr());
            let quark = glib::ffi::g_quark_from_string(OTHER.as_ptr());
            glib::gobject_ffi::g_type_set_qdata(api, quark, layout.cast());
        }
    }

    /// The layout of another copy in this process, with which batches cannot be exchanged.
    pub(crate) fn other() -> Option<String> {
        // SAFETY: names are C strings; what the type keeps under these names is a `Shared` and a C string, never freed.
        unsafe {
            let api = glib::gobject_ffi::g_type_from_name(API.as_ptr());
            if api == 0 {
                return None;
            }
            let kept = |name: &CStr| {
                glib::gobject_ffi::g_type_get_qdata(api, glib::ffi::g_quark_from_string(name.as_ptr()))
            };
            let first = kept(SHARED).cast::<Shared>().as_ref().map(|shared| shared.layout);
            let others = [first, Some(kept(OTHER).cast_const().cast())];
            let layouts = others.into_iter().flatten().filter(|layout| !layout.is_null());
            layouts.map(|layout| CStr::from_ptr(layout).to_string_lossy()).find(|layout| layout != LAYOUT)
        }
        .map(std::borrow::Cow::into_owned)
    }

    #[allow(clippy::unnecessary_wraps, reason = "as `shared`")]
    fn register(api: &CStr, implementation: &CStr) -> Result<Self, String> {
        // SAFETY: names are C strings, the list of tags is empty and ends with NULL, size and functions belong to `Batch`.
        unsafe {
            let tags = [std::ptr::null::<std::ffi::c_char>()];
            let api = gst::ffi::gst_meta_api_type_register(api.as_ptr(), tags.as_ptr().cast_mut());
            let info = gst::ffi::gst_meta_register(
                api,
                implementation.as_ptr(),
                size_of::<Batch>(),
                Some(init),
                Some(free),
                Some(transform),
            );
            let layout = CString::new(LAYOUT).unwrap_or_default().into_raw();
            let shared = Box::leak(Box::new(Shared { layout, info, find }));
            let quark = glib::ffi::g_quark_from_string(SHARED.as_ptr());
            glib::gobject_ffi::g_type_set_qdata(api, quark, std::ptr::from_mut(shared).cast());
            Ok(Self { api: from_glib(api), info, find })
        }
    }

    /// The buffer at an address, if it is alive and carries a batch. Any number may be asked for.
    pub(crate) fn find(&self, address: usize) -> Option<gst::Buffer> {
        // SAFETY: `find` only looks the number up, and hands a reference over.
        unsafe { Option::<gst::Buffer>::from_glib_full_or_none((self.find)(address)) }
    }
}

/// Reading a reference that may be NULL.
trait FromGlibFullOrNone: Sized {
    /// # Safety
    /// `buffer` is NULL or a reference that is handed over.
    unsafe fn from_glib_full_or_none(buffer: *mut gst::ffi::GstBuffer) -> Self;
}

impl FromGlibFullOrNone for Option<gst::Buffer> {
    unsafe fn from_glib_full_or_none(buffer: *mut gst::ffi::GstBuffer) -> Self {
        // SAFETY: as promised by the caller.
        NonNull::new(buffer).map(|buffer| unsafe { glib::translate::from_glib_full(buffer.as_ptr()) })
    }
}

/// Keeps copies of this crate from registering at the same time: a lock that all of them know.
struct RegistryLock(*mut glib::ffi::GMutex);

impl RegistryLock {
    fn new() -> Self {
        // SAFETY: the registry lives as long as the process; its lock is not held while the meta is registered.
        unsafe {
            let lock = &raw mut (*gst::ffi::gst_registry_get()).object.lock;
            glib::ffi::g_mutex_lock(lock);
            Self(lock)
        }
    }
}

impl Drop for RegistryLock {
    fn drop(&mut self) {
        // SAFETY: locked by `new`.
        unsafe { glib::ffi::g_mutex_unlock(self.0) }
    }
}

/// Buffers that carry a batch, by address, with the number of metas on each.
static CARRIERS: LazyLock<Mutex<HashMap<usize, u32>>> = LazyLock::new(Mutex::default);

fn carriers() -> std::sync::MutexGuard<'static, HashMap<usize, u32>> {
    CARRIERS.lock().unwrap_or_else(PoisonError::into_inner)
}

unsafe extern "C" fn find(address: usize) -> *mut gst::ffi::GstBuffer {
    let carriers = carriers();
    if !carriers.contains_key(&address) {
        return std::ptr::null_mut();
    }
    let buffer = address as *mut gst::ffi::GstBuffer;
    // SAFETY: a buffer in the map is not freed before `free` took it out, which needs the lock. One that is about to be freed
    // has no reference left and gets none.
    unsafe {
        let count = AtomicI32::from_ptr(&raw mut (*buffer).mini_object.refcount);
        let one_more = |count: i32| (count > 0).then_some(count + 1);
        match count.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more) {
            Ok(_) => buffer,
            Err(_) => std::ptr::null_mut(),
        }
    }
}

unsafe extern "C" fn init(
    meta: *mut gst::ffi::GstMeta,
    params: glib::ffi::gpointer,
    buffer: *mut gst::ffi::GstBuffer,
) -> glib::ffi::gboolean {
    // SAFETY: called by `gst_buffer_add_meta` with fresh memory for a `Batch` and what `add` or `transform` passed.
    unsafe {
        let content =
            params.cast::<Option<BatchContent>>().as_mut().and_then(Option::take).unwrap_or_default();
        let meta = meta.cast::<Batch>();
        std::ptr::write(&raw mut (*meta).access, Mutex::new(()));
        std::ptr::write(&raw mut (*meta).content, content);
    }
    *carriers().entry(buffer as usize).or_default() += 1;
    true.into_glib()
}

unsafe extern "C" fn free(meta: *mut gst::ffi::GstMeta, buffer: *mut gst::ffi::GstBuffer) {
    {
        let mut carriers = carriers();
        if let Some(count) = carriers.get_mut(&(buffer as usize)) {
            *count -= 1;
            if *count == 0 {
                carriers.remove(&(buffer as usize));
            }
        }
    }
    // SAFETY: lock and content were written by `init` and are dropped once.
    unsafe {
        let meta = meta.cast::<Batch>();
        std::ptr::drop_in_place(&raw mut (*meta).access);
        std::ptr::drop_in_place(&raw mut (*meta).content);
    }
}

/// Copies of a buffer carry a copy of the description and further references to the same frames.
unsafe extern "C" fn transform(
    dest: *mut gst::ffi::GstBuffer,
    meta: *mut gst::ffi::GstMeta,
    _buffer: *mut gst::ffi::GstBuffer,
    _kind: glib::ffi::GQuark,
    _data: glib::ffi::gpointer,
) -> glib::ffi::gboolean {
    // SAFETY: GStreamer passes a valid meta of this kind and a writable destination.
    unsafe {
        let meta = meta.cast::<Batch>();
        let content = {
            let _access = (*meta).access.lock().unwrap_or_else(PoisonError::into_inner);
            (*meta).content.clone()
        };
        (!add(dest, content).is_null()).into_glib()
    }
}

/// Adds a meta with `content` to a buffer.
///
/// # Safety
/// `buffer` is a writable buffer.
pub(crate) unsafe fn add(buffer: *mut gst::ffi::GstBuffer, content: BatchContent) -> *mut Batch {
    let mut params = Some(content);
    // SAFETY: the info describes `Batch`; `init` moves the content out of `params`, which stays valid for the call.
    unsafe {
        gst::ffi::gst_buffer_add_meta(
            buffer,
            Registration::get().info,
            std::ptr::from_mut(&mut params).cast(),
        )
        .cast()
    }
}
