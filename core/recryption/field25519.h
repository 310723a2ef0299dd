// Arithmetic in GF(2^255 - 19) over OpenSSL's BIGNUM: the one piece of field arithmetic that is
// ours, for recombining u-coordinates (DESIGN 2). For core/recryption only.
//
//   Field25519 field;
//   Element c = field.Mul(a, field.Inverse(b));
//
// Elements stand in the secure heap, carry the constant-time flag and are wiped. Exponents are
// fixed; no function but IsSquare branches on a value. Not thread safe: one Field25519 for each
// computation.
#ifndef RECRYPT_CORE_RECRYPTION_FIELD25519_H_
#define RECRYPT_CORE_RECRYPTION_FIELD25519_H_

#include <optional>

#include "core/base/bytes.h"
#include "core/base/secret.h"
#include "core/crypto/openssl_handles.h"

namespace recrypt {

class Field25519 {
 public:
  using Element = BignumHandle;

  static constexpr size_t kSize = 32;

  Field25519();

  Element FromWord(uint32_t value);
  // 32 bytes, little-endian; nullopt for another length and for values of p and above.
  std::optional<Element> Decode(ByteSpan little_endian);
  Secret Encode(const Element& a);

  Element Add(const Element& a, const Element& b);
  Element Sub(const Element& a, const Element& b);
  Element Mul(const Element& a, const Element& b);
  Element Square(const Element& a) { return Mul(a, a); }
  // a^(p-2): zero for zero.
  Element Inverse(const Element& a);
  // One of the two roots; nullopt when there is none.
  std::optional<Element> Sqrt(const Element& a);
  bool IsZero(const Element& a);
  // Whether a root exists; for public values alone (Kronecker symbol, variable time).
  bool IsSquare(const Element& a);

 private:
  Element Power(const Element& a, const BIGNUM* exponent);
  bool Equal(const Element& a, const Element& b);

  BignumContextHandle context_;
};

}  // namespace recrypt

#endif  // RECRYPT_CORE_RECRYPTION_FIELD25519_H_
