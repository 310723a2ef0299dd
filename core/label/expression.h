// Security labels and expressions over them (DESIGN 4).
//
//   RECRYPT_ASSIGN(LabelExpression e, LabelExpression::Parse("A#x.com + (B#x.com | C#y.com)"));
//   for (const auto& alternative : e.alternatives()) ...   // A+B, then A+C
//
// Names are Unicode NFC; the domain part is compared, and kept, in lower case. `name@domain` (a
// personal group) and `Name#domain` are two spellings of one name space and kept as written.
// Immutable, thread safe.
#ifndef RECRYPT_CORE_LABEL_EXPRESSION_H_
#define RECRYPT_CORE_LABEL_EXPRESSION_H_

#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace recrypt {

// A single label, in its canonical spelling.
class LabelName {
 public:
  // 1 to 128 bytes before and 1 to 253 after the `#` or `@`. Refused: white space, control
  // characters, `+ | ( ) # @ /` and quotes within the name, a domain that is no host name.
  static Result<LabelName> Parse(std::string_view text);

  const std::string& text() const { return text_; }  // "Accounting#example.com"
  std::string_view name() const;                     // "Accounting"
  std::string_view domain() const;                   // "example.com"
  bool is_personal() const;                          // spelled with '@'
  auto operator<=>(const LabelName&) const = default;

 private:
  explicit LabelName(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

// alice@example.com: 1 to 64 bytes, '@', a host name; same rules as a label's.
class AccountName {
 public:
  static Result<AccountName> Parse(std::string_view text);
  const std::string& text() const { return text_; }
  std::string_view domain() const;
  auto operator<=>(const AccountName&) const = default;

 private:
  explicit AccountName(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

class LabelExpression {
 public:
  static constexpr size_t kMaxAlternatives = 64;

  // Grammar:  expr = term *( "|" term );  term = factor *( "+" factor );
  //           factor = label / "(" expr ")".  kInvalid names the column (from 1) of the error.
  static Result<LabelExpression> Parse(std::string_view text);
  static LabelExpression Of(LabelName name);

  // Disjunction of conjunctions: sorted, without duplicates, without an alternative that
  // contains another one.
  const std::vector<std::vector<LabelName>>& alternatives() const { return alternatives_; }
  // Every label once, sorted.
  std::vector<LabelName> Labels() const;
  // Canonical text, as in "A#x + B#y | C#z"; Parse of it gives the same value.
  std::string text() const;
  bool operator==(const LabelExpression&) const = default;

 private:
  std::vector<std::vector<LabelName>> alternatives_;
};

}  // namespace recrypt

#endif  // RECRYPT_CORE_LABEL_EXPRESSION_H_
