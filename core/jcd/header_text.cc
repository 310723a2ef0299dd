#include "core/jcd/header_text.h"

#include <algorithm>

namespace recrypt {
namespace {

// With both curves in a document, a conjunction says by a letter for each label which one it is on.
constexpr char kLetterX25519 = 'X';
constexpr char kLetterP256 = 'P';

}  // namespace

std::string AlternativeAlg(const std::vector<Curve>& curves, bool both) {
  if (curves.size() == 1) {
    return std::string(both && curves[0] == Curve::kP256 ? kAlgP256 : kAlgEcdhEsA256Kw);
  }
  std::string alg(kAlgAnd);
  if (!both) return alg;
  alg += '+';
  for (const Curve curve : curves) alg += curve == Curve::kP256 ? kLetterP256 : kLetterX25519;
  return alg;
}

Result<std::vector<Curve>> AlternativeCurves(std::string_view alg, size_t labels,
                                             const std::vector<PublicKey>& ephemerals) {
  const bool both = ephemerals.size() == 2;
  std::vector<Curve> curves(labels, ephemerals[0].curve());
  if (both && alg == kAlgP256) curves.assign(labels, Curve::kP256);
  if (both && labels > 1 && alg.size() == kAlgAnd.size() + 1 + labels) {
    for (size_t i = 0; i < labels; ++i) {
      const bool p256 = alg[kAlgAnd.size() + 1 + i] == kLetterP256;
      curves[i] = p256 ? Curve::kP256 : Curve::kX25519;
    }
  }
  if (AlternativeAlg(curves, both) != alg) {
    return Fail(ErrorCode::kCorrupt, "the header has a recipient with another algorithm");
  }
  return curves;
}

std::string HeaderAadText(const DocumentId& uid, const LabelExpression& expression,
                          const std::vector<std::string>& services,
                          const std::vector<JweRecipient>& recipients) {
  const auto joined = [](const std::vector<std::string>& texts) {
    std::string all;
    for (const std::string& text : texts) all += (all.empty() ? "" : ",") + text;
    return all;
  };
  std::string text = "jcd/1\n1\n" + Base64UrlEncode(uid) + "\n" + expression.text() + "\n" +
                     joined(services) + "\n";
  for (const JweRecipient& recipient : recipients) {
    text += recipient.alg + " " + joined(recipient.kids) + "\n";
  }
  return text;
}

bool IsServiceName(std::string_view text) {
  return !text.empty() && text.size() <= 253 + 6 &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
                  c == ':';
         });
}

}  // namespace recrypt
