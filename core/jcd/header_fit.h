// Which of the candidates for a label's shared secret is the one that a header was made with: what
// the authenticated key wrap tells (docs/FORMAT.md, 2.1).
//
//   const auto found = FittingCandidate(header, kid, candidates);   // nullopt: none of them
//
// Thread safe.
#ifndef RECRYPT_CORE_JCD_HEADER_FIT_H_
#define RECRYPT_CORE_JCD_HEADER_FIT_H_

#include <optional>
#include <span>
#include <string_view>

#include "core/jcd/header.h"

namespace recrypt {

std::optional<size_t> FittingCandidate(const Header& header, std::string_view kid,
                                       std::span<const Secret> candidates);

}  // namespace recrypt

#endif  // RECRYPT_CORE_JCD_HEADER_FIT_H_
