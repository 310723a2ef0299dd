#include "core/recryption/curve25519.h"

#include <optional>

#include "core/recryption/field25519.h"

namespace recrypt::curve25519 {
namespace {

using Element = Field25519::Element;

constexpr uint32_t kA = 486662;  // v^2 = u^3 + A u^2 + u
constexpr size_t kKeySize = 32;

// 8L, with L = 2^252 + 27742317777372353535851937790883648493 the order of the base point.
const BIGNUM* EightL() {
  static BIGNUM* const number = [] {
    BIGNUM* value = nullptr;
    MustSucceed(
        BN_hex2bn(&value, "80000000000000000000000000000000a6f7cef517bce6b2c09318d2e7ae9f68") != 0,
        "BN_hex2bn");
    return value;
  }();
  return number;
}

const BIGNUM* L() {
  static BIGNUM* const number = [] {
    BIGNUM* value = BN_new();
    MustSucceed(value != nullptr && BN_rshift(value, EightL(), 3) == 1, "BN_rshift");
    return value;
  }();
  return number;
}

BignumHandle NewScalar() {
  BignumHandle scalar(BN_secure_new());
  MustSucceed(scalar != nullptr, "BN_secure_new");
  BN_set_flags(scalar.get(), BN_FLG_CONSTTIME);
  return scalar;
}

// 8k, k uniform below L.
BignumHandle RandomMultipleOfEight() {
  BignumHandle scalar = NewScalar();
  MustSucceed(
      BN_priv_rand_range(scalar.get(), L()) == 1 && BN_lshift(scalar.get(), scalar.get(), 3) == 1,
      "BN_priv_rand_range");
  return scalar;
}

// The integer that X25519 multiplies by (RFC 7748, 5).
BignumHandle ClampedScalar(const PrivateKey& key) {
  Secret raw = key.RevealBytes();
  uint8_t* bytes = raw.RevealMutable().data();
  bytes[0] &= 0xf8;
  bytes[31] = static_cast<uint8_t>((bytes[31] & 0x7f) | 0x40);
  BignumHandle scalar = NewScalar();
  MustSucceed(BN_lebin2bn(bytes, static_cast<int>(kKeySize), scalar.get()) != nullptr,
              "BN_lebin2bn");
  return scalar;
}

// Whether a number below 8L lies in [2^254, 2^255), and so is a clamped key as it stands.
bool IsClamped(const BIGNUM* scalar) { return BN_num_bits(scalar) == 255; }

// Whichever of y and 8L - y is clamped; nullopt in the one case in 2^126 where neither is. Which
// of them it was is the sign that u-coordinates forget.
std::optional<PrivateKey> Fold(const BignumHandle& y) {
  BignumHandle negated = NewScalar();
  MustSucceed(BN_sub(negated.get(), EightL(), y.get()) == 1, "BN_sub");
  const BIGNUM* chosen = IsClamped(y.get()) ? y.get() : negated.get();
  if (!IsClamped(chosen)) return std::nullopt;
  Secret raw(kKeySize);
  MustSucceed(BN_bn2lebinpad(chosen, raw.RevealMutable().data(), static_cast<int>(kKeySize)) ==
                  static_cast<int>(kKeySize),
              "BN_bn2lebinpad");
  Result<PrivateKey> key = PrivateKey::FromBytes(Curve::kX25519, raw.Reveal());
  MustSucceed(key.has_value(), "X25519 key");
  return std::move(*key);
}

// u^3 + A u^2 + u = u (u (u + A) + 1)
Element CurveEquation(Field25519& field, const Element& u) {
  const Element inner = field.Mul(u, field.Add(u, field.FromWord(kA)));
  return field.Mul(u, field.Add(inner, field.FromWord(1)));
}

// The u of a point R with 2R = P, for a square u(P). With h = (u(R) + 1/u(R)) / 2 the doubling
// formula reads  h^2 - 2 u(P) h - (A u(P) + 1) = 0,  and u(R) is rational for the one root h where
// 2h + A is a square (the product of the two 2h + A is A^2 - 4, which is none).
std::optional<Element> Halve(Field25519& field, const Element& u) {
  const Element a = field.FromWord(kA);
  const auto of = field.Roots(field.Add(field.Mul(u, field.Add(u, a)), field.FromWord(1)));
  if (!of) return std::nullopt;
  Element h = field.Add(u, of->root);
  if (!field.IsSquare(field.Add(field.Add(h, h), a))) h = field.Sub(u, of->root);
  // u(R) = h + sqrt(h^2 - 1); the other root is R + (0,0), which halves alike.
  const auto rest = field.Roots(field.Sub(field.Square(h), field.FromWord(1)));
  if (!rest) return std::nullopt;
  return field.Add(h, rest->root);
}

// a < b as byte strings, without a branch on their bytes.
bool LessThan(ByteSpan a, ByteSpan b) {
  unsigned borrow = 0;
  for (size_t i = a.size(); i-- > 0;) {
    borrow = ((static_cast<unsigned>(a[i]) - b[i] - borrow) >> 8) & 1;
  }
  return borrow == 1;
}

tl::unexpected<Error> RefuseResult() {
  return Fail(ErrorCode::kInvalid, "recryption: a partial result is not a point that can be used");
}

tl::unexpected<Error> NoSuchHalf() {
  return Fail(ErrorCode::kInvalid, "these halves leave none that can be used; draw others");
}

}  // namespace

Status CheckOnCurve(ByteSpan u) {
  Field25519 field(Field25519::Values::kPublic);
  const auto decoded = field.Decode(u);
  if (!decoded || field.IsZero(*decoded) || !field.IsSquare(CurveEquation(field, *decoded))) {
    return Fail(ErrorCode::kInvalid, "the ephemeral key is not a point of the curve");
  }
  return {};
}

bool IsImageOf(ByteSpan u, ByteSpan edwards) {
  Field25519 field(Field25519::Values::kPublic);
  if (edwards.size() != kKeySize) return false;
  Bytes without_sign = ToBytes(edwards);  // of x, in the top bit
  without_sign.back() &= 0x7f;
  const auto image = field.Decode(u);
  const auto y = field.Decode(without_sign);
  if (!image || !y) return false;
  const Element one = field.FromWord(1);
  const Element left = field.Mul(*image, field.Sub(one, *y));
  return field.IsZero(field.Sub(left, field.Add(one, *y)));
}

// The group has order 8L and a single point of order 2, (0,0): a point has order L just when it is
// 8 times another one, and is twice another one just when its u is a square (2-descent).
Status CheckSubgroup(ByteSpan u) {
  Field25519 field(Field25519::Values::kPublic);
  std::optional<Element> point = field.Decode(u);
  for (int halvings = 0; point && field.IsSquare(*point); ++halvings) {
    if (halvings == 2) return {};
    point = Halve(field, *point);
  }
  return Fail(ErrorCode::kInvalid, "the ephemeral key is outside of the prime-order subgroup");
}

PrivateKey RandomHalf() {
  for (;;) {
    if (auto half = Fold(RandomMultipleOfEight())) return std::move(*half);
  }
}

Result<PrivateKey> HalfFrom(const Secret& seed) {
  BignumContextHandle context(BN_CTX_secure_new());
  MustSucceed(context != nullptr, "BN_CTX_secure_new");
  BignumHandle scalar = NewScalar();
  MustSucceed(
      BN_lebin2bn(seed.Reveal().data(), static_cast<int>(seed.size()), scalar.get()) != nullptr &&
          BN_mod(scalar.get(), scalar.get(), L(), context.get()) == 1 &&
          BN_lshift(scalar.get(), scalar.get(), 3) == 1,
      "BN_mod");
  if (auto half = Fold(scalar)) return std::move(*half);
  return NoSuchHalf();
}

Result<PrivateKey> LastHalf(const PrivateKey& label_key, std::span<const PrivateKey> others) {
  BignumContextHandle context(BN_CTX_secure_new());
  MustSucceed(context != nullptr, "BN_CTX_secure_new");
  BignumHandle rest = ClampedScalar(label_key);
  for (const PrivateKey& half : others) {
    const BignumHandle scalar = ClampedScalar(half);
    MustSucceed(BN_mod_sub(rest.get(), rest.get(), scalar.get(), EightL(), context.get()) == 1,
                "BN_mod_sub");
  }
  if (auto last = Fold(rest)) return std::move(*last);
  return NoSuchHalf();
}

Result<std::vector<Secret>> Combine(ByteSpan u_p, ByteSpan u_q) {
  Field25519 field;
  const auto p = field.Decode(u_p);
  const auto q = field.Decode(u_q);
  if (!p || !q || field.IsZero(*p) || field.IsZero(*q)) return RefuseResult();
  const Element difference = field.Sub(*p, *q);
  if (field.IsZero(difference)) return RefuseResult();

  // The roots of the quadratic of DESIGN 2. Its discriminant is 4 v(P)^2 v(Q)^2 / (uP - uQ)^4.
  const Element product = field.Mul(*p, *q);
  const Element one = field.FromWord(1);
  if (field.IsZero(field.Sub(product, one))) return RefuseResult();  // a candidate would be zero
  const Element outer = field.Mul(field.Add(*p, *q), field.Add(product, one));
  const Element inner = field.Mul(field.FromWord(2 * kA), product);
  const Element half_sum = field.Add(outer, inner);
  // One exponentiation gives both that a root and an inverse are needed for: of
  // w d^4, with w = v(P)^2 v(Q)^2 and d = uP - uQ, the root is v(P) v(Q) d^2, so that
  // 2 v(P) v(Q) / d^2 = 2 root w / (w d^4),  and  1 / d^2 = d^2 w / (w d^4).
  const Element w = field.Mul(CurveEquation(field, *p), CurveEquation(field, *q));
  const Element d_squared = field.Square(difference);
  const auto of = field.Roots(field.Mul(w, field.Square(d_squared)));
  if (!of) return RefuseResult();
  const Element scale = field.Mul(w, of->inverse);  // 1 / d^4
  const Element middle = field.Mul(field.Mul(half_sum, d_squared), scale);
  const Element root = field.Mul(of->root, scale);
  const Element offset = field.Add(root, root);

  std::vector<Secret> candidates;
  candidates.push_back(field.Encode(field.Add(middle, offset)));
  candidates.push_back(field.Encode(field.Sub(middle, offset)));
  if (LessThan(candidates[1].Reveal(), candidates[0].Reveal())) {
    std::swap(candidates[0], candidates[1]);
  }
  return candidates;
}

}  // namespace recrypt::curve25519
