#include "core/recryption/field25519.h"

namespace recrypt {
namespace {

using MontgomeryHandle = std::unique_ptr<BN_MONT_CTX, OpensslDeleter<BN_MONT_CTX_free>>;

BignumHandle Number(const char* hex) {
  BIGNUM* number = nullptr;
  MustSucceed(BN_hex2bn(&number, hex) != 0, "BN_hex2bn");
  return BignumHandle(number);
}

struct Constants {
  BignumHandle p = Number("7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed");
  // p - 2
  BignumHandle inverse_exponent =
      Number("7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeb");
  // (p + 3) / 8: as p = 5 mod 8, a^this is a root of a or of -a, if a is a square.
  BignumHandle root_exponent =
      Number("0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe");
  // 2^((p - 1) / 4), a root of -1
  BignumHandle root_of_minus_one =
      Number("2b8324804fc1df0b2b4d00993dfbd7a72f431806ad2fe478c4ee1b274a0ea0b0");
  MontgomeryHandle montgomery{BN_MONT_CTX_new()};

  Constants() {
    BignumContextHandle context(BN_CTX_new());
    MustSucceed(context != nullptr && montgomery != nullptr &&
                    BN_MONT_CTX_set(montgomery.get(), p.get(), context.get()) == 1,
                "BN_MONT_CTX_set");
  }
};

// Only read after construction, and so shared by all threads.
const Constants& Field() {
  static const Constants constants;
  return constants;
}

BignumHandle NewElement() {
  BignumHandle element(BN_secure_new());
  MustSucceed(element != nullptr, "BN_secure_new");
  BN_set_flags(element.get(), BN_FLG_CONSTTIME);
  return element;
}

}  // namespace

Field25519::Field25519() : context_(BN_CTX_secure_new()) {
  MustSucceed(context_ != nullptr, "BN_CTX_secure_new");
}

Field25519::Element Field25519::FromWord(uint32_t value) {
  Element out = NewElement();
  MustSucceed(BN_set_word(out.get(), value) == 1, "BN_set_word");
  return out;
}

std::optional<Field25519::Element> Field25519::Decode(ByteSpan little_endian) {
  if (little_endian.size() != kSize) return std::nullopt;
  Element out = NewElement();
  MustSucceed(BN_lebin2bn(little_endian.data(), static_cast<int>(kSize), out.get()) != nullptr,
              "BN_lebin2bn");
  if (BN_ucmp(out.get(), Field().p.get()) >= 0) return std::nullopt;
  return out;
}

Secret Field25519::Encode(const Element& a) {
  Secret out(kSize);
  MustSucceed(BN_bn2lebinpad(a.get(), out.RevealMutable().data(), static_cast<int>(kSize)) ==
                  static_cast<int>(kSize),
              "BN_bn2lebinpad");
  return out;
}

Field25519::Element Field25519::Add(const Element& a, const Element& b) {
  Element out = NewElement();
  MustSucceed(BN_mod_add_quick(out.get(), a.get(), b.get(), Field().p.get()) == 1, "BN_mod_add");
  return out;
}

Field25519::Element Field25519::Sub(const Element& a, const Element& b) {
  Element out = NewElement();
  MustSucceed(BN_mod_sub_quick(out.get(), a.get(), b.get(), Field().p.get()) == 1, "BN_mod_sub");
  return out;
}

Field25519::Element Field25519::Mul(const Element& a, const Element& b) {
  Element out = NewElement();
  MustSucceed(BN_mod_mul(out.get(), a.get(), b.get(), Field().p.get(), context_.get()) == 1,
              "BN_mod_mul");
  return out;
}

Field25519::Element Field25519::Power(const Element& a, const BIGNUM* exponent) {
  Element out = NewElement();
  MustSucceed(BN_mod_exp_mont_consttime(out.get(), a.get(), exponent, Field().p.get(),
                                        context_.get(), Field().montgomery.get()) == 1,
              "BN_mod_exp_mont_consttime");
  return out;
}

Field25519::Element Field25519::Inverse(const Element& a) {
  return Power(a, Field().inverse_exponent.get());
}

std::optional<Field25519::Element> Field25519::Sqrt(const Element& a) {
  const Element root = Power(a, Field().root_exponent.get());
  const Element turned = Mul(root, Field().root_of_minus_one);
  const bool is_root = Equal(Square(root), a);
  const bool is_turned = Equal(Square(turned), a);
  if (!(is_root | is_turned)) return std::nullopt;

  // Which of the two it was stays out of branches and addresses.
  const auto mask = static_cast<uint8_t>(-static_cast<int>(is_root));
  Secret chosen = Encode(turned);
  const Secret other = Encode(root);
  for (size_t i = 0; i < kSize; ++i) {
    uint8_t& byte = chosen.RevealMutable()[i];
    byte = static_cast<uint8_t>((byte & ~mask) | (other.Reveal()[i] & mask));
  }
  return Decode(chosen.Reveal());
}

bool Field25519::Equal(const Element& a, const Element& b) { return Encode(a).Equals(Encode(b)); }

bool Field25519::IsZero(const Element& a) { return BN_is_zero(a.get()); }

bool Field25519::IsSquare(const Element& a) {
  const int symbol = BN_kronecker(a.get(), Field().p.get(), context_.get());
  MustSucceed(symbol >= -1, "BN_kronecker");
  return symbol >= 0;
}

}  // namespace recrypt
