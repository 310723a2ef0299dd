#include "core/crypto/verified_signatures.h"

#include <memory>
#include <variant>

#include "core/crypto/recent_by_digest.h"

namespace recrypt {
namespace {

constexpr size_t kSignatureSize = 64;

using Verified = RecentByDigest<std::monostate>;

// One for the process: what is remembered belongs to no label, mount or user. It is never
// destroyed, since threads may still verify while the process ends.
Verified& TheVerified() {
  static auto* const verified = std::make_unique<Verified>(65536).release();
  return *verified;
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
  if (TheVerified().Find(digest)) return true;
  if (!key.Verify(message, signature)) return false;
  TheVerified().Add(digest, {});
  return true;
}

Result<Bytes> SignRemembered(const PrivateKey& key, ByteSpan message) {
  RECRYPT_ASSIGN(Bytes signature, key.Sign(message));
  TheVerified().Add(DigestOf(key.public_key(), message, signature), {});
  return signature;
}

}  // namespace recrypt
