#include "core/crypto/verified_signatures.h"

#include <cstring>
#include <mutex>
#include <unordered_set>

#include "core/crypto/symmetric.h"

namespace recrypt {
namespace {

constexpr size_t kSignatureSize = 64;

struct DigestHash {
  size_t operator()(const Sha256Digest& digest) const {
    size_t start = 0;
    std::memcpy(&start, digest.data(), sizeof(start));
    return start;
  }
};

class Memory {
 public:
  bool Has(const Sha256Digest& digest) {
    std::lock_guard lock(mutex_);
    return recent_.contains(digest) || older_.contains(digest);
  }

  void Add(const Sha256Digest& digest) {
    std::lock_guard lock(mutex_);
    recent_.insert(digest);
    if (recent_.size() < kHalf) return;
    older_ = std::move(recent_);
    recent_.clear();
  }

 private:
  static constexpr size_t kHalf = 65536;

  std::mutex mutex_;  // guards all below
  std::unordered_set<Sha256Digest, DigestHash> recent_, older_;
};

Memory& TheMemory() {
  static Memory memory;
  return memory;
}

// A curve's keys have one length and so have signatures: the parts cannot run into one another.
Sha256Digest DigestOf(const PublicKey& key, ByteSpan message, ByteSpan signature) {
  Bytes text{static_cast<uint8_t>(key.curve())};
  text.reserve(1 + key.bytes().size() + signature.size() + message.size());
  Append(text, key.bytes());
  Append(text, signature);
  Append(text, message);
  return Sha256(text);
}

}  // namespace

bool VerifyRemembered(const PublicKey& key, ByteSpan message, ByteSpan signature) {
  if (signature.size() != kSignatureSize) return false;
  const Sha256Digest digest = DigestOf(key, message, signature);
  if (TheMemory().Has(digest)) return true;
  if (!key.Verify(message, signature)) return false;
  TheMemory().Add(digest);
  return true;
}

Result<Bytes> SignRemembered(const PrivateKey& key, ByteSpan message) {
  RECRYPT_ASSIGN(Bytes signature, key.Sign(message));
  TheMemory().Add(DigestOf(key.public_key(), message, signature));
  return signature;
}

}  // namespace recrypt
