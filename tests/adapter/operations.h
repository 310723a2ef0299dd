// What recrypt-adapter can be asked: one function for each operation, from a request object to the
// value of "ok". A failure becomes {"reject":message}.
#ifndef RECRYPT_TESTS_ADAPTER_OPERATIONS_H_
#define RECRYPT_TESTS_ADAPTER_OPERATIONS_H_

#include <span>
#include <string_view>

#include "core/json/json.h"

namespace recrypt::adapter {

struct Operation {
  std::string_view name;
  Result<Json> (*run)(const Json& request);
};

std::span<const Operation> CryptoOperations();
std::span<const Operation> JoseOperations();
std::span<const Operation> FormatOperations();

// A member in hex, decoded.
Result<Bytes> GetHex(const Json& request, std::string_view name);
inline Json HexText(ByteSpan bytes) { return HexEncode(bytes); }

// AES-GCM with an IV of any length from 1: OpenSSL's EVP stops at 128 bytes, Wycheproof does not.
Bytes SealWithLongIv(ByteSpan key, ByteSpan iv, ByteSpan aad, ByteSpan message);
Result<Bytes> OpenWithLongIv(ByteSpan key, ByteSpan iv, ByteSpan aad, ByteSpan ciphertext,
                             ByteSpan tag);

}  // namespace recrypt::adapter

#endif  // RECRYPT_TESTS_ADAPTER_OPERATIONS_H_
