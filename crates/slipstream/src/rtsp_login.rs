//! One name and one password for everything an RTSP server offers.

use gst::glib;
use gst::glib::translate::IntoGlib;
use gst_rtsp_server::gst_rtsp::RTSPAuthMethod;
use gst_rtsp_server::prelude::*;
use gst_rtsp_server::subclass::prelude::*;
use gst_rtsp_server::{RTSP_TOKEN_TRANSPORT_CLIENT_SETTINGS, RTSPAuth, RTSPContext, RTSPToken};

use crate::uri::Credentials;

/// How a client proves that it knows the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginMethod {
    /// RFC 7617: name and password in base64.
    Basic,
    /// RFC 7616: a hash of password and nonce.
    Digest,
    /// Whichever of the two the client prefers.
    Any,
}

/// An [`RTSPAuth`] that lets in who gives `credentials`.
pub(crate) fn login(credentials: &Credentials, method: LoginMethod) -> RTSPAuth {
    let auth: Login = glib::Object::new();
    let token = RTSPToken::builder().field_with_static(RTSP_TOKEN_TRANSPORT_CLIENT_SETTINGS, true).build();
    let Credentials { user, password } = credentials;
    if method != LoginMethod::Digest {
        auth.add_basic(&RTSPAuth::make_basic(user, password), &token);
    }
    if method != LoginMethod::Basic {
        auth.add_digest(user, password, &token);
    }
    auth.set_supported_methods(match method {
        LoginMethod::Basic => RTSPAuthMethod::Basic,
        LoginMethod::Digest => RTSPAuthMethod::Digest,
        // Flags in C, which the binding takes for an enum.
        LoginMethod::Any => {
            RTSPAuthMethod::__Unknown(RTSPAuthMethod::Basic.into_glib() | RTSPAuthMethod::Digest.into_glib())
        }
    });
    auth.upcast()
}

glib::wrapper! {
    struct Login(ObjectSubclass<imp::Login>) @extends RTSPAuth;
}

mod imp {
    use super::*;

    #[derive(Default)]
    pub(super) struct Login;

    #[glib::object_subclass]
    impl ObjectSubclass for Login {
        const NAME: &'static str = "SlipstreamRtspLogin";
        type Type = super::Login;
        type ParentType = RTSPAuth;
    }

    impl ObjectImpl for Login {}

    impl RTSPAuthImpl for Login {
        /// The parent asks for roles and permissions, which the bindings cannot set; here, whoever has logged in
        /// may see everything. Of the parent's checks, the one for client settings is the one that does no more
        /// than ask for the login and look into the token.
        fn check(&self, context: &RTSPContext, check: &glib::GString) -> bool {
            if check.starts_with("auth.check.media.factory.") {
                self.parent_check(context, &glib::GString::from("auth.check.transport.client-settings"))
            } else if check == "auth.check.transport.client-settings" {
                // Nobody may have video sent to a third party.
                false
            } else {
                self.parent_check(context, check)
            }
        }
    }
}
