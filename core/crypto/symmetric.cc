#include "core/crypto/symmetric.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <algorithm>

#include "core/crypto/openssl_handles.h"

namespace recrypt {
namespace {

const char* HashName(HashAlgorithm hash) {
  static constexpr const char* kNames[] = {"SHA1", "SHA2-256", "SHA2-384", "SHA2-512"};
  return kNames[static_cast<size_t>(hash)];
}

const EVP_MD* Fetched(HashAlgorithm hash) {
  static const EVP_MD* const digests[] = {
      EVP_MD_fetch(nullptr, "SHA1", nullptr), EVP_MD_fetch(nullptr, "SHA2-256", nullptr),
      EVP_MD_fetch(nullptr, "SHA2-384", nullptr), EVP_MD_fetch(nullptr, "SHA2-512", nullptr)};
  const EVP_MD* digest = digests[static_cast<size_t>(hash)];
  MustSucceed(digest != nullptr, "fetching a hash");
  return digest;
}

// One context for each thread: initialising it again costs less than making one.
EVP_MD_CTX* ThreadDigestContext() {
  thread_local DigestContextHandle context(EVP_MD_CTX_new());
  MustSucceed(context != nullptr, "EVP_MD_CTX_new");
  return context.get();
}

template <size_t N>
ByteArray<N> Digest(const EVP_MD* digest, ByteSpan data) {
  ByteArray<N> out;
  unsigned size = 0;
  EVP_MD_CTX* context = ThreadDigestContext();
  MustSucceed(EVP_DigestInit_ex2(context, digest, nullptr) == 1 &&
                  EVP_DigestUpdate(context, data.data(), data.size()) == 1 &&
                  EVP_DigestFinal_ex(context, out.data(), &size) == 1 && size == N,
              "hash");
  return out;
}

using MacContextHandle = std::unique_ptr<EVP_MAC_CTX, OpensslDeleter<EVP_MAC_CTX_free>>;

// A context that has its hash but not yet the caller's key: copying it spares the look-up of the
// hash by name, and leaves no key behind.
MacContextHandle PrepareHmac(HashAlgorithm hash) {
  EVP_MAC* mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, const_cast<char*>(HashName(hash)), 0),
      OSSL_PARAM_construct_end()};
  MacContextHandle context(EVP_MAC_CTX_new(mac));
  EVP_MAC_free(mac);
  const uint8_t any_key[1] = {0};
  MustSucceed(context != nullptr && EVP_MAC_init(context.get(), any_key, 1, params) == 1,
              "fetching HMAC");
  return context;
}

const EVP_MAC_CTX* PreparedHmac(HashAlgorithm hash) {
  static const MacContextHandle contexts[] = {
      PrepareHmac(HashAlgorithm::kSha1), PrepareHmac(HashAlgorithm::kSha256),
      PrepareHmac(HashAlgorithm::kSha384), PrepareHmac(HashAlgorithm::kSha512)};
  return contexts[static_cast<size_t>(hash)].get();
}

void HmacInto(HashAlgorithm hash, ByteSpan key, ByteSpan data, MutableByteSpan out) {
  MacContextHandle context(EVP_MAC_CTX_dup(PreparedHmac(hash)));
  // A null key would keep the one before; an empty key is a key.
  static constexpr uint8_t kNothing = 0;
  const uint8_t* key_data = key.empty() ? &kNothing : key.data();
  size_t size = 0;
  MustSucceed(
      context != nullptr && EVP_MAC_init(context.get(), key_data, key.size(), nullptr) == 1 &&
          EVP_MAC_update(context.get(), data.data(), data.size()) == 1 &&
          EVP_MAC_final(context.get(), out.data(), &size, out.size()) == 1 && size == out.size(),
      "HMAC");
}

}  // namespace

void RandomBytes(MutableByteSpan out) {
  while (!out.empty()) {
    const size_t size = std::min(out.size(), size_t{1} << 20);
    MustSucceed(RAND_bytes(out.data(), static_cast<int>(size)) == 1, "RAND_bytes");
    out = out.subspan(size);
  }
}

Sha256Digest Sha256(ByteSpan data) {
  static const EVP_MD* const digest = Fetched(HashAlgorithm::kSha256);
  return Digest<32>(digest, data);
}

Sha512Digest Sha512(ByteSpan data) {
  static const EVP_MD* const digest = Fetched(HashAlgorithm::kSha512);
  return Digest<64>(digest, data);
}

Sha512Digest Sha3_512(ByteSpan data) {
  static const EVP_MD* const digest = EVP_MD_fetch(nullptr, "SHA3-512", nullptr);
  MustSucceed(digest != nullptr, "fetching SHA3-512");
  return Digest<64>(digest, data);
}

Sha256Digest HmacSha256(ByteSpan key, ByteSpan data) {
  Sha256Digest out;
  HmacInto(HashAlgorithm::kSha256, key, data, out);
  return out;
}

Sha512Digest HmacSha512(ByteSpan key, ByteSpan data) {
  Sha512Digest out;
  HmacInto(HashAlgorithm::kSha512, key, data, out);
  return out;
}

Bytes Hmac(HashAlgorithm hash, ByteSpan key, ByteSpan data) {
  Bytes out(static_cast<size_t>(EVP_MD_get_size(Fetched(hash))));
  HmacInto(hash, key, data, out);
  return out;
}

struct Sha256Hasher::State {
  DigestContextHandle context{EVP_MD_CTX_new()};

  void Start() {
    MustSucceed(
        context != nullptr &&
            EVP_DigestInit_ex2(context.get(), Fetched(HashAlgorithm::kSha256), nullptr) == 1,
        "EVP_DigestInit_ex2");
  }
};

Sha256Hasher::Sha256Hasher() : state_(std::make_unique<State>()) { state_->Start(); }

Sha256Hasher::~Sha256Hasher() = default;

void Sha256Hasher::Update(ByteSpan data) {
  MustSucceed(EVP_DigestUpdate(state_->context.get(), data.data(), data.size()) == 1,
              "EVP_DigestUpdate");
}

Sha256Digest Sha256Hasher::Finish() {
  Sha256Digest out;
  MustSucceed(EVP_DigestFinal_ex(state_->context.get(), out.data(), nullptr) == 1,
              "EVP_DigestFinal_ex");
  state_->Start();
  return out;
}

// Over the prepared contexts: OpenSSL's own HKDF looks HMAC and the hash up by name in every step.
Result<Secret> Hkdf(HashAlgorithm hash, ByteSpan ikm, ByteSpan salt, ByteSpan info, size_t size) {
  const size_t digest_size = static_cast<size_t>(EVP_MD_get_size(Fetched(hash)));
  if (size == 0 || size > 255 * digest_size) {
    return Fail(ErrorCode::kInvalid, "HKDF: output size out of range");
  }
  Secret prk(digest_size);  // an empty salt and the digest's length of zeros are one key of HMAC
  HmacInto(hash, salt, ikm, prk.RevealMutable());
  Secret okm((size + digest_size - 1) / digest_size * digest_size);
  Secret block(digest_size + info.size() + 1);  // the step before, info, the step's number
  const MutableByteSpan input = block.RevealMutable();
  std::copy(info.begin(), info.end(), input.begin() + static_cast<std::ptrdiff_t>(digest_size));
  for (size_t done = 0; done < size; done += digest_size) {
    input.back() = static_cast<uint8_t>(done / digest_size + 1);
    const MutableByteSpan step = okm.RevealMutable().subspan(done, digest_size);
    HmacInto(hash, prk.Reveal(), done == 0 ? input.subspan(digest_size) : input, step);
    std::copy(step.begin(), step.end(), input.begin());
  }
  return size == okm.size() ? std::move(okm) : Secret::CopyOf(okm.Reveal().first(size));
}

Result<Secret> Scrypt(ByteSpan passphrase, ByteSpan salt, const ScryptCost& cost, size_t size) {
  constexpr uint64_t kMaxMemory = uint64_t{1} << 30;
  const bool power_of_two = cost.n > 1 && (cost.n & (cost.n - 1)) == 0;
  const bool small = cost.r > 0 && cost.p > 0 && cost.r <= 1024 && cost.p <= 1024 &&
                     cost.n <= kMaxMemory / 128 / cost.r && cost.p <= kMaxMemory / 128 / cost.r;
  if (!power_of_two || !small || size == 0 || size > 1024) {
    return Fail(ErrorCode::kInvalid, "scrypt: cost or size out of range");
  }
  Secret out(size);
  // OpenSSL counts all of its tables against the limit; ours has been checked above.
  if (EVP_PBE_scrypt(reinterpret_cast<const char*>(passphrase.data()), passphrase.size(),
                     salt.data(), salt.size(), cost.n, cost.r, cost.p, 3 * kMaxMemory,
                     out.RevealMutable().data(), size) != 1) {
    return Fail(ErrorCode::kInvalid, "scrypt: refused its parameters, or out of memory");
  }
  return out;
}

}  // namespace recrypt
