#include "core/escrow/share_text.h"

#include "core/crypto/symmetric.h"
#include "core/udf/udf_text.h"

namespace recrypt {
namespace {

constexpr size_t kCheckSize = 4;
constexpr size_t kShareTextSize = kShareUdfSize + kSetNameSize + kCheckSize;

std::string CheckOf(std::string_view characters) {
  Sha256Hasher hasher;
  hasher.Update(AsBytes("recryptfs share 1:"));
  hasher.Update(AsBytes(characters));
  return Base32Encode(hasher.Finish()).substr(0, kCheckSize);
}

// What people read for what is printed.
char AsPrinted(char c) {
  switch (c) {
    case '0':
      return 'O';
    case '1':
      return 'I';
    case '8':
      return 'B';
    default:
      return c;
  }
}

}  // namespace

std::string RandomSetName() { return Base32Encode(RandomArray<5>()).substr(0, kSetNameSize); }

bool IsSetName(std::string_view text) {
  const auto characters = UdfCharacters(text);
  return text.size() == kSetNameSize && characters && *characters == text;
}

std::string FormatShare(const EscrowShare& share) {
  // With room for all of it first: what grows leaves a copy behind.
  std::string characters;
  characters.reserve(kShareTextSize);
  std::string udf = ShareUdf(share.share);
  characters += udf;
  Wipe(udf);
  characters += share.set;
  characters += CheckOf(characters);
  std::string text = GroupUdf(characters);
  Wipe(characters);
  return text;
}

Result<EscrowShare> ParseShare(std::string_view text) {
  std::string typed;
  typed.reserve(text.size());
  for (const char c : text) {
    if (c != ' ' && c != '\t' && c != '\r') typed += AsPrinted(c);
  }
  auto characters = UdfCharacters(typed);
  Wipe(typed);
  if (!characters) return Fail(characters.error());
  const Secret kept = Secret::TakeFrom(*characters);
  const std::string_view all = AsText(kept.Reveal());
  if (all.size() != kShareTextSize) {
    return Fail(ErrorCode::kInvalid,
                "it has 36 characters; characters found: " + std::to_string(all.size()));
  }
  const std::string_view covered = all.substr(0, kShareTextSize - kCheckSize);
  if (CheckOf(covered) != all.substr(covered.size())) {
    return Fail(ErrorCode::kInvalid,
                "it is mistyped: its last four characters do not fit the rest");
  }
  RECRYPT_ASSIGN(ShamirShare share, ParseShareUdf(covered.substr(0, kShareUdfSize)));
  return EscrowShare{std::move(share), std::string(covered.substr(kShareUdfSize))};
}

}  // namespace recrypt
