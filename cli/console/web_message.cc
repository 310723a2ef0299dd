#include "cli/console/web_message.h"

#include <array>

namespace recrypt {

std::span<const std::pair<std::string_view, std::string_view>> ProtectiveHeaders() {
  using Header = std::pair<std::string_view, std::string_view>;
  static constexpr std::array kHeaders = {
      // No script, no picture, nothing from elsewhere, in no frame.
      Header{"Content-Security-Policy",
             "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
             "frame-ancestors 'none'"},
      Header{"X-Frame-Options", "DENY"},
      Header{"X-Content-Type-Options", "nosniff"},
      Header{"Cache-Control", "no-store"},
      // Not no-referrer: the browser would then send `Origin: null` with our own forms too, and
      // nothing could be told by it.
      Header{"Referrer-Policy", "same-origin"},
      Header{"Cross-Origin-Opener-Policy", "same-origin"},
      Header{"Cross-Origin-Resource-Policy", "same-origin"},
  };
  return kHeaders;
}

}  // namespace recrypt
