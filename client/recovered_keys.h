// RecoveredKeys: labels' encryption keys that came back from an escrow, in recovered.json, sealed
// to this device's key. Documents under them open without a service.
//
//   RECRYPT_TRY(RecoveredKeys::Add(path, device_key, labels));
//   RECRYPT_ASSIGN(RecoveredKeys keys, RecoveredKeys::Load(path, device_key));
//   if (const auto* found = keys.Find(kid)) …
//
// Immutable once loaded, thread safe; Add is not, between processes either.
#ifndef RECRYPT_CLIENT_RECOVERED_KEYS_H_
#define RECRYPT_CLIENT_RECOVERED_KEYS_H_

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/escrow/escrow.h"

namespace recrypt {

class RecoveredKeys {
 public:
  // Empty when there is no file.
  static Result<RecoveredKeys> Load(const std::string& path, const PrivateKey& device);
  // What is there of the same labels is replaced. Durable.
  static Status Add(const std::string& path, const PrivateKey& device,
                    std::vector<EscrowedLabel> labels);

  struct Found {
    std::shared_ptr<const LabelProfile> label;
    PrivateKey key;
  };
  const Found* Find(std::string_view kid) const;

 private:
  std::map<std::string, Found, std::less<>> keys_;
};

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_RECOVERED_KEYS_H_
