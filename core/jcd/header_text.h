// What header.cc (reading) and header_seal.cc (writing) have in common: algorithm names and the
// text that the JWE's `aad` binds (docs/FORMAT.md, 2.1). Thread safe.
#ifndef RECRYPT_CORE_JCD_HEADER_TEXT_H_
#define RECRYPT_CORE_JCD_HEADER_TEXT_H_

#include "core/jcd/header.h"

namespace recrypt {

constexpr std::string_view kAlgP256 = "jcd+P256";
constexpr std::string_view kAlgAnd = "jcd+AND";

// The `alg` of an alternative whose labels' keys are on these curves; `both`: the document has
// labels of both curves.
std::string AlternativeAlg(const std::vector<Curve>& curves, bool both);
// The curves of an alternative of `labels` labels, from its `alg` and the header's ephemerals;
// kCorrupt when they do not go together.
Result<std::vector<Curve>> AlternativeCurves(std::string_view alg, size_t labels,
                                             const std::vector<PublicKey>& ephemerals);

// The text whose digest is `aad`, and which bound ephemerals sign.
std::string HeaderAadText(const DocumentId& uid, const LabelExpression& expression,
                          const std::vector<std::string>& services,
                          const std::vector<JweRecipient>& recipients);

// A domain, with or without a port: what may stand in `services`.
bool IsServiceName(std::string_view text);

}  // namespace recrypt

#endif  // RECRYPT_CORE_JCD_HEADER_TEXT_H_
