// Arithmetic in GF(2^255 - 19) over OpenSSL's BIGNUM: the one piece of field arithmetic that is
// ours, for recombining u-coordinates (DESIGN 2). For core/recryption only.
//
//   Field25519 field;
//   Element c = field.Mul(a, field.Inverse(b));
//
// Elements stand in the secure heap, in Montgomery form; their memory goes back to the Field25519
// they are of, is used again, and wiped with it. The one exponent is fixed, a chain of squarings
// and multiplications; no function branches on a value, but for what its result tells. Not thread
// safe: one Field25519 for each computation.
#ifndef RECRYPT_CORE_RECRYPTION_FIELD25519_H_
#define RECRYPT_CORE_RECRYPTION_FIELD25519_H_

#include <memory>
#include <optional>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/secret.h"
#include "core/crypto/openssl_handles.h"

namespace recrypt {

class Field25519 {
 public:
  // Gives an element's memory back.
  struct Return {
    std::vector<BignumHandle>* free;
    void operator()(BIGNUM* number) const { free->emplace_back(number); }
  };
  // Must not outlive its field.
  using Element = std::unique_ptr<BIGNUM, Return>;

  static constexpr size_t kSize = 32;

  // What is computed with kPublic is no secret, and stands in the ordinary heap, which costs less.
  enum class Values { kSecret, kPublic };
  explicit Field25519(Values values = Values::kSecret);
  Field25519(const Field25519&) = delete;
  Field25519& operator=(const Field25519&) = delete;

  // 32 bytes, little-endian; nullopt for another length and for values of p and above.
  std::optional<Element> Decode(ByteSpan little_endian);
  Secret Encode(const Element& a);
  Element FromWord(uint32_t value);
  Element Copy(const Element& a);

  Element Add(const Element& a, const Element& b);
  Element Sub(const Element& a, const Element& b);
  Element Mul(const Element& a, const Element& b);
  Element Square(const Element& a) { return Mul(a, a); }

  // One of the two roots of `a`, and 1/a, both from one exponentiation; nullopt when there is no
  // root. Both are zero for zero.
  struct RootAndInverse {
    Element root;
    Element inverse;
  };
  std::optional<RootAndInverse> Roots(const Element& a);
  // Whether a root exists; true for zero.
  bool IsSquare(const Element& a);
  bool IsZero(const Element& a);

 private:
  Element New();
  void MulBy(Element& a, const Element& b);  // a = a b
  void SquareTimes(Element& a, int times);
  Element Power(const Element& a);
  bool IsOne(const Element& a);
  Element Choose(bool choose, const BIGNUM* a, const BIGNUM* b);

  const Values values_;
  const BignumContextHandle context_;
  std::vector<BignumHandle> free_;
};

}  // namespace recrypt

#endif  // RECRYPT_CORE_RECRYPTION_FIELD25519_H_
