// Sealed attributes: the input as it is must be refused; sealed by somebody who has the data key,
// it is refused or read, and what was read is sealed again to the same.
#include <cstdint>
#include <cstdlib>

#include "core/crypto/symmetric.h"
#include "core/jcd/attributes.h"

using namespace recrypt;

namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

DataKeys Keys() {
  DocumentId uid;
  uid.fill(7);
  std::vector<DataKey> keys;
  keys.push_back({1, Secret::CopyOf(Bytes(32, 5))});
  return DataKeys::Make(uid, std::move(keys)).value();
}

// docs/FORMAT.md, 10.
Bytes Seal(ByteSpan plain, const DataKeys& keys) {
  constexpr size_t kCleared = 8, kSealedAt = kCleared + kAeadNonceSize;
  Bytes sealed(kSealedAt + plain.size() + kAeadTagSize);
  sealed[0] = 1;
  StoreU32(&sealed[4], keys.newest());
  const ByteSpan all = sealed;
  Bytes aad = ToBytes(AsBytes("jcd/1 attributes"));
  Append(aad, keys.uid());
  Append(aad, all.first(kCleared));
  Aead aead(keys.Derive(keys.newest(), KeyUse::kAttributes));
  aead.Seal(all.subspan(kCleared, kAeadNonceSize), aad, plain, &sealed[kSealedAt],
            &sealed[kSealedAt + plain.size()]);
  return sealed;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const DataKeys keys = Keys();
  Check(!OpenAttributes({data, size}, keys));
  const auto attributes = OpenAttributes(Seal({data, size}, keys), keys);
  if (!attributes) return 0;
  const auto sealed = SealAttributes(*attributes, keys);
  Check(sealed && SealedAttributesSize(*attributes) == sealed->size());
  Check(OpenAttributes(*sealed, keys).value() == *attributes);
  return 0;
}
