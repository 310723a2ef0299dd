#include "core/jcd/bound_header.h"

#include <algorithm>

#include "core/jcd/header_text.h"

namespace recrypt {
namespace {

constexpr size_t kRecipientsFrom = 5;  // lines of the text before the first recipient's

tl::unexpected<Error> Refuse(const std::string& why) {
  return Fail(ErrorCode::kInvalid, "the ephemeral key was signed for " + why);
}

std::vector<std::string_view> Split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t end = text.find(at);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

// Whether a recipient's line, an alg and kids, has this kid.
bool HasKid(std::string_view line, std::string_view kid) {
  const size_t blank = line.find(' ');
  if (blank == std::string_view::npos) return false;
  const auto kids = Split(line.substr(blank + 1), ',');
  return std::find(kids.begin(), kids.end(), kid) != kids.end();
}

bool HasLabel(std::string_view expression, std::string_view label) {
  const auto parsed = LabelExpression::Parse(expression);
  if (!parsed) return false;
  const auto labels = parsed->Labels();
  return std::any_of(labels.begin(), labels.end(),
                     [&](const LabelName& one) { return one.text() == label; });
}

}  // namespace

std::optional<BindingProof> ProofOf(const Header& header, const PublicKey& ephemeral) {
  for (size_t i = 0; i < header.bindings.size(); ++i) {
    if (!(header.jwe.ephemerals[i] == ephemeral)) continue;
    return BindingProof{
        HeaderAadText(header.uid, header.expression, header.services, header.jwe.recipients),
        header.bindings[i]};
  }
  return std::nullopt;
}

Status CheckProof(const BindingProof& proof, const PublicKey& ephemeral, const BoundTo& to) {
  const auto lines = Split(proof.text, '\n');
  if (lines.size() <= kRecipientsFrom || lines[0] != "jcd/1" || lines[1] != "1") {
    return Refuse("something that is no header");
  }
  if (lines[2] != Base64UrlEncode(to.uid)) return Refuse("another document");
  if (!HasLabel(lines[3], to.label)) return Refuse("another label");
  if (std::none_of(lines.begin() + kRecipientsFrom, lines.end(),
                   [&](std::string_view line) { return HasKid(line, to.kid); })) {
    return Refuse("another key of the label");
  }
  return CheckBinding(ephemeral, proof.binding, proof.text);
}

Status CheckBoundHeader(const Header& header) {
  for (size_t i = 0; i < header.bindings.size(); ++i) {
    const auto proof = ProofOf(header, header.jwe.ephemerals[i]);
    const Status holds = CheckBinding(header.jwe.ephemerals[i], proof->binding, proof->text);
    if (!holds) return Fail(ErrorCode::kCorrupt, "the document's header: " + holds.error().message);
  }
  return {};
}

}  // namespace recrypt
