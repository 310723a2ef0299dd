// DataKeys: the data keys of a document and what is derived from them (docs/FORMAT.md, 2.2).
//
//   DataKeys keys(uid, std::move(wrapper.keys));
//   Secret trailer_key = keys.Derive(number, KeyUse::kTrailer);
//
// Immutable, thread safe.
#ifndef RECRYPT_CORE_JCD_DATA_KEYS_H_
#define RECRYPT_CORE_JCD_DATA_KEYS_H_

#include <vector>

#include "core/jcd/header.h"

namespace recrypt {

enum class KeyUse { kBlock, kTrailer, kRecord, kAttributes };

class DataKeys {
 public:
  // kInvalid unless there are 1 to 4 keys of 32 bytes in rising order of their numbers.
  static Status Check(const std::vector<DataKey>& keys);
  // Fails as Check does.
  static Result<DataKeys> Make(const DocumentId& uid, std::vector<DataKey> keys);

  const DocumentId& uid() const { return uid_; }
  uint32_t newest() const { return keys_.back().number; }
  const std::vector<DataKey>& all() const { return keys_; }
  std::vector<DataKey> TakeAll() && { return std::move(keys_); }
  bool Has(uint32_t number) const;
  // The number must be one that Has.
  Secret Derive(uint32_t number, KeyUse use) const;

 private:
  DataKeys(const DocumentId& uid, std::vector<DataKey> keys) : uid_(uid), keys_(std::move(keys)) {}

  DocumentId uid_;
  std::vector<DataKey> keys_;
};

}  // namespace recrypt

#endif  // RECRYPT_CORE_JCD_DATA_KEYS_H_
