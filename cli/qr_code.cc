#include "cli/qr_code.h"

#include <qrencode.h>

#include <memory>

namespace recrypt {
namespace {

// Modules of white that a reader wants around the code.
constexpr int kQuiet = 4;
constexpr std::string_view kBlackOnWhite = "\x1b[30;107m", kPlain = "\x1b[0m";

bool IsDark(const QRcode& code, int x, int y) {
  const bool inside = x >= 0 && y >= 0 && x < code.width && y < code.width;
  return inside && (code.data[y * code.width + x] & 1) != 0;
}

}  // namespace

Result<std::string> QrCode(const std::string& text) {
  const std::unique_ptr<QRcode, decltype(&QRcode_free)> code(
      QRcode_encodeString(text.c_str(), 0, QR_ECLEVEL_M, QR_MODE_8, 1), &QRcode_free);
  if (!code) return Fail(ErrorCode::kInvalid, "no QR code holds this text");
  std::string lines;
  for (int y = -kQuiet; y < code->width + kQuiet; y += 2) {
    lines += kBlackOnWhite;
    for (int x = -kQuiet; x < code->width + kQuiet; ++x) {
      const bool upper = IsDark(*code, x, y), lower = IsDark(*code, x, y + 1);
      lines += upper ? (lower ? "█" : "▀") : (lower ? "▄" : " ");
    }
    lines += kPlain;
    lines += '\n';
  }
  return lines;
}

}  // namespace recrypt
