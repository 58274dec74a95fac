//! Parse functions in shared libraries of one's own: `custom-lib-path` and `parse-bbox-func-name`.
//!
//! The interface is plain C, declared and described in `include/slipstream_parser.h`: the function is given all output
//! tensors of an image and room for [`MAX_BOXES`] boxes, and says how many it wrote. A library also says which version of
//! the interface it was built for. Libraries for DeepStream take and give C++ containers, so they cannot be called: they have
//! to be rebuilt against the header, unless their function is among those that are built in.

use std::cell::RefCell;
use std::ffi::{CString, c_char};
use std::path::{Path, PathBuf};

use libloading::Library;
use slipstream_meta::Rect;

use super::recipe;
use super::{Choice, OutputTensor, ParseContext, ParseError, Parser};
use crate::cluster::Detection;

/// Version of the interface, which a library's function [`VERSION_FUNCTION`] returns.
pub const ABI: u32 = 1;
/// Boxes that a function has room for.
pub const MAX_BOXES: usize = 4096;
/// The function that tells the version.
pub const VERSION_FUNCTION: &str = "slipstream_parser_abi";
/// What libraries are built against.
const HEADER: &str = "include/slipstream_parser.h";

/// `slipstream_tensor`.
#[repr(C)]
struct CTensor {
    name: *const c_char,
    dims: *const u64,
    rank: u64,
    data: *const f32,
    count: u64,
}

/// `slipstream_parse_info`.
#[repr(C)]
struct CInfo {
    network_width: u32,
    network_height: u32,
    image_left: f32,
    image_top: f32,
    image_width: f32,
    image_height: f32,
    thresholds: *const f32,
    class_count: u64,
}

/// `slipstream_box`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CBox {
    class_id: u32,
    confidence: f32,
    left: f32,
    top: f32,
    width: f32,
    height: f32,
}

/// `slipstream_parse_function`.
type ParseFunction = unsafe extern "C" fn(*const CTensor, u64, *const CInfo, *mut CBox, u64) -> i64;
/// `slipstream_parser_abi`.
type VersionFunction = unsafe extern "C" fn() -> u32;

/// Why a library cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// The system cannot load it.
    #[error(
        "cannot be loaded: {reason}. Libraries for DeepStream have to be rebuilt against {HEADER}; functions that are built in \
         need none (docs/models.md)"
    )]
    Load {
        /// What the system says.
        reason: String,
    },
    /// It is not made for this interface.
    #[error(
        "does not have the function {VERSION_FUNCTION}. Libraries for DeepStream use C++ containers and have to be rebuilt \
         against {HEADER}{}",
        if *.has_function { "" } else { "; the function of parse-bbox-func-name is missing as well" }
    )]
    Foreign {
        /// Whether it has the parse function.
        has_function: bool,
    },
    /// It is made for another version of the interface.
    #[error(
        "is made for version {found} of the interface, this program has version {ABI}: build it anew against {HEADER}"
    )]
    Version {
        /// The library's version.
        found: u32,
    },
    /// It lacks the function.
    #[error("has no function {function} (parse-bbox-func-name)")]
    Function {
        /// The function.
        function: String,
    },
}

/// A function of a library.
struct Custom {
    parse: ParseFunction,
    function: String,
    path: PathBuf,
    /// Keeps the code where it is.
    _library: Library,
}

impl std::fmt::Debug for Custom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Custom")
            .field("function", &self.function)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// Loads `function` of the library at `path`.
pub(super) fn load(path: &Path, function: &str) -> Result<Choice, LibraryError> {
    // A name without folders would be looked for in the system's places, not where the config says.
    let file = path.canonicalize().map_err(|error| LibraryError::Load { reason: error.to_string() })?;
    // SAFETY: loading runs the library's own initialisers; whoever names it in a config vouches for it, as with any plugin.
    let library =
        unsafe { Library::new(&file) }.map_err(|error| LibraryError::Load { reason: error.to_string() })?;
    // SAFETY: the header declares the function with this type.
    let version = unsafe { library.get::<VersionFunction>(VERSION_FUNCTION) };
    // SAFETY: the header declares the function with this type; it is not called unless the version says so.
    let parse = unsafe { library.get::<ParseFunction>(function) };
    let found = match &version {
        // SAFETY: the function takes nothing and touches nothing, says the header.
        Ok(version) => unsafe { version() },
        Err(_) => return Err(LibraryError::Foreign { has_function: parse.is_ok() }),
    };
    if found != ABI {
        return Err(LibraryError::Version { found });
    }
    let parse = *parse.map_err(|_| LibraryError::Function { function: function.to_owned() })?;
    let parser = Custom { parse, function: function.to_owned(), path: path.to_owned(), _library: library };
    Ok(Choice {
        parser: Box::new(parser),
        name: function.to_owned(),
        expects: format!("what {} knows", path.display()),
        notices: Vec::new(),
        recipe: recipe::UNKNOWN,
    })
}

thread_local! {
    /// Room for the boxes of one image.
    static ROOM: RefCell<Vec<CBox>> = const { RefCell::new(Vec::new()) };
}

impl Parser for Custom {
    fn parse(
        &self,
        outputs: &[OutputTensor<'_>],
        context: &ParseContext<'_>,
        boxes: &mut Vec<Detection>,
    ) -> Result<usize, ParseError> {
        // names of tensors hold no zero bytes, and dimensions are few
        let names: Vec<_> =
            outputs.iter().map(|output| CString::new(output.name).unwrap_or_default()).collect();
        let dims: Vec<Vec<u64>> =
            outputs.iter().map(|output| output.dims.iter().map(|&dim| dim as u64).collect()).collect();
        let tensors: Vec<_> = outputs
            .iter()
            .zip(names.iter().zip(&dims))
            .map(|(output, (name, dims))| CTensor {
                name: name.as_ptr(),
                dims: dims.as_ptr(),
                rank: dims.len() as u64,
                data: output.data.as_ptr(),
                count: output.data.len() as u64,
            })
            .collect();
        let info = CInfo {
            network_width: context.network.width,
            network_height: context.network.height,
            image_left: context.image.left,
            image_top: context.image.top,
            image_width: context.image.width,
            image_height: context.image.height,
            thresholds: context.thresholds.as_ptr(),
            class_count: context.thresholds.len() as u64,
        };
        let problem = |problem: String| ParseError::Function {
            function: self.function.clone(),
            path: self.path.clone(),
            problem,
        };
        ROOM.with_borrow_mut(|room| {
            room.resize(MAX_BOXES, CBox::default());
            // SAFETY: all pointers are valid for the call and for the lengths beside them, as the header promises; the
            // function was loaded from a library of this version, which is kept.
            let count = unsafe {
                (self.parse)(
                    tensors.as_ptr(),
                    tensors.len() as u64,
                    &raw const info,
                    room.as_mut_ptr(),
                    MAX_BOXES as u64,
                )
            };
            let Ok(count) = usize::try_from(count) else {
                return Err(problem(format!("returned {count}: it cannot read these outputs")));
            };
            let Some(found) = room.get(..count) else {
                return Err(problem(format!("returned {count} boxes, there is room for {MAX_BOXES}")));
            };
            let mut skipped = 0;
            for found in found {
                let &CBox { class_id, confidence, left, top, width, height } = found;
                if [confidence, left, top, width, height].iter().any(|number| !number.is_finite()) {
                    skipped += 1;
                } else if context.wants(class_id, confidence)
                    && let Some(rect) = context.clip(&Rect::new(left, top, width, height))
                {
                    boxes.push(Detection { class_id, confidence, rect });
                }
            }
            Ok(skipped)
        })
    }

    fn classes(&self) -> Option<usize> {
        None
    }
}
