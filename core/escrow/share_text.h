// A share as it is printed and typed: its UDF (core/escrow/shamir.h), and behind it, to the end of
// a group, three characters that name its escrow and four that check all the others.
//
//   SAYC-UW4N-56UI-VTTZ-62UN-J6FP-ETD3-OKRQ-7WBI
//
//   const std::string text = FormatShare({std::move(share), "KRQ"});
//   RECRYPT_ASSIGN(EscrowShare share, ParseShare(typed));
//
// So each share can be checked by itself, when it is typed. Thread safe.
#ifndef RECRYPT_CORE_ESCROW_SHARE_TEXT_H_
#define RECRYPT_CORE_ESCROW_SHARE_TEXT_H_

#include <string>
#include <string_view>

#include "core/escrow/shamir.h"

namespace recrypt {

constexpr size_t kSetNameSize = 3;

struct EscrowShare {
  ShamirShare share;
  std::string set;  // kSetNameSize characters: of which escrow it is
};

// Random; two escrows have the same one by chance in 32,768 cases.
std::string RandomSetName();
bool IsSetName(std::string_view text);

// In groups of four. Wipe the text.
std::string FormatShare(const EscrowShare& share);

// Takes lower case, any dashes and blanks, and the digits 0, 1, 8 for the letters that they are
// mistaken for. kInvalid says what is wrong: the length, a character, or that the check does not
// fit, which a random mistake escapes once in a million.
Result<EscrowShare> ParseShare(std::string_view text);

}  // namespace recrypt

#endif  // RECRYPT_CORE_ESCROW_SHARE_TEXT_H_
