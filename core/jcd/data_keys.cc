#include "core/jcd/data_keys.h"

#include <algorithm>
#include <cstdlib>

namespace recrypt {

Status DataKeys::Check(const std::vector<DataKey>& keys) {
  if (keys.empty() || keys.size() > 4) {
    return Fail(ErrorCode::kInvalid, "a document has 1 to 4 data keys");
  }
  uint32_t last = 0;
  for (const DataKey& key : keys) {
    if (key.number <= last || key.key.size() != kAeadKeySize) {
      return Fail(ErrorCode::kInvalid, "data keys have 32 bytes and rising numbers");
    }
    last = key.number;
  }
  return {};
}

Result<DataKeys> DataKeys::Make(const DocumentId& uid, std::vector<DataKey> keys) {
  RECRYPT_TRY(Check(keys));
  return DataKeys(uid, std::move(keys));
}

bool DataKeys::Has(uint32_t number) const {
  return std::any_of(keys_.begin(), keys_.end(),
                     [&](const DataKey& key) { return key.number == number; });
}

Secret DataKeys::Derive(uint32_t number, KeyUse use) const {
  constexpr std::string_view kInfo[] = {"jcd/1 block", "jcd/1 trailer", "jcd/1 record",
                                        "jcd/1 attributes"};
  for (const DataKey& key : keys_) {
    if (key.number != number) continue;
    auto derived = Hkdf(HashAlgorithm::kSha256, key.key.Reveal(), uid_,
                        AsBytes(kInfo[static_cast<size_t>(use)]), kAeadKeySize);
    if (derived) return std::move(*derived);
  }
  std::abort();  // the caller has asked Has, and HKDF of 32 bytes does not fail
}

}  // namespace recrypt
