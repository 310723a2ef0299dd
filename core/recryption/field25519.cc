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
  MontgomeryHandle montgomery{BN_MONT_CTX_new()};
  // 1, and a root of -1: 2^((p - 1) / 4); in Montgomery form.
  BignumHandle one = Number("1");
  BignumHandle root_of_minus_one =
      Number("2b8324804fc1df0b2b4d00993dfbd7a72f431806ad2fe478c4ee1b274a0ea0b0");

  Constants() {
    BignumContextHandle context(BN_CTX_new());
    MustSucceed(context != nullptr && montgomery != nullptr &&
                    BN_MONT_CTX_set(montgomery.get(), p.get(), context.get()) == 1,
                "BN_MONT_CTX_set");
    for (BIGNUM* number : {one.get(), root_of_minus_one.get()}) {
      MustSucceed(BN_to_montgomery(number, number, montgomery.get(), context.get()) == 1,
                  "BN_to_montgomery");
    }
  }
};

// Only read after construction, and so shared by all threads.
const Constants& Field() {
  static const Constants constants;
  return constants;
}

}  // namespace

Field25519::Field25519(Values values)
    : values_(values), context_(values == Values::kSecret ? BN_CTX_secure_new() : BN_CTX_new()) {
  MustSucceed(context_ != nullptr, "BN_CTX_new");
}

Field25519::Element Field25519::New() {
  if (free_.empty()) {
    free_.emplace_back(values_ == Values::kSecret ? BN_secure_new() : BN_new());
    MustSucceed(free_.back() != nullptr, "BN_new");
    BN_set_flags(free_.back().get(), BN_FLG_CONSTTIME);
  }
  Element element(free_.back().release(), Return{&free_});
  free_.pop_back();
  return element;
}

std::optional<Field25519::Element> Field25519::Decode(ByteSpan little_endian) {
  if (little_endian.size() != kSize) return std::nullopt;
  Element out = New();
  MustSucceed(BN_lebin2bn(little_endian.data(), static_cast<int>(kSize), out.get()) != nullptr,
              "BN_lebin2bn");
  if (BN_ucmp(out.get(), Field().p.get()) >= 0) return std::nullopt;
  MustSucceed(BN_to_montgomery(out.get(), out.get(), Field().montgomery.get(), context_.get()) == 1,
              "BN_to_montgomery");
  return out;
}

Secret Field25519::Encode(const Element& a) {
  const Element plain = New();
  Secret out(kSize);
  MustSucceed(
      BN_from_montgomery(plain.get(), a.get(), Field().montgomery.get(), context_.get()) == 1 &&
          BN_bn2lebinpad(plain.get(), out.RevealMutable().data(), static_cast<int>(kSize)) ==
              static_cast<int>(kSize),
      "BN_bn2lebinpad");
  return out;
}

Field25519::Element Field25519::FromWord(uint32_t value) {
  Element out = New();
  MustSucceed(
      BN_set_word(out.get(), value) == 1 &&
          BN_to_montgomery(out.get(), out.get(), Field().montgomery.get(), context_.get()) == 1,
      "BN_to_montgomery");
  return out;
}

Field25519::Element Field25519::Copy(const Element& a) {
  Element out = New();
  MustSucceed(BN_copy(out.get(), a.get()) != nullptr, "BN_copy");
  return out;
}

Field25519::Element Field25519::Add(const Element& a, const Element& b) {
  Element out = New();
  MustSucceed(BN_mod_add_quick(out.get(), a.get(), b.get(), Field().p.get()) == 1, "BN_mod_add");
  return out;
}

Field25519::Element Field25519::Sub(const Element& a, const Element& b) {
  Element out = New();
  MustSucceed(BN_mod_sub_quick(out.get(), a.get(), b.get(), Field().p.get()) == 1, "BN_mod_sub");
  return out;
}

Field25519::Element Field25519::Mul(const Element& a, const Element& b) {
  Element out = New();
  MustSucceed(BN_mod_mul_montgomery(out.get(), a.get(), b.get(), Field().montgomery.get(),
                                    context_.get()) == 1,
              "BN_mod_mul_montgomery");
  return out;
}

void Field25519::MulBy(Element& a, const Element& b) {
  MustSucceed(BN_mod_mul_montgomery(a.get(), a.get(), b.get(), Field().montgomery.get(),
                                    context_.get()) == 1,
              "BN_mod_mul_montgomery");
}

void Field25519::SquareTimes(Element& a, int times) {
  for (int i = 0; i < times; ++i) MulBy(a, a);
}

// a^((p - 5) / 8) = a^(2^252 - 3). With f(n) = a^(2^n - 1):  f(m + n) = f(m)^(2^n) f(n).
Field25519::Element Field25519::Power(const Element& a) {
  Element f = Copy(a);  // f(1)
  const auto add = [&](int n, const Element& f_of_n) {
    SquareTimes(f, n);
    MulBy(f, f_of_n);
  };
  add(1, a);
  add(2, Copy(f));
  add(1, a);
  add(5, Copy(f));
  const Element f10 = Copy(f);
  add(10, f10);
  add(20, Copy(f));
  add(10, f10);
  const Element f50 = Copy(f);
  add(50, f50);
  add(100, Copy(f));
  add(50, f50);
  add(2, a);  // f(250)^4 a
  return f;
}

// With t = a^((p - 5) / 8):  s = t^2 a = a^((p - 1) / 4), which is 1 or -1 just when `a` is a
// square other than 0; then 1/a = s t^2, and (t a)^2 = s a.
std::optional<Field25519::RootAndInverse> Field25519::Roots(const Element& a) {
  const Element t = Power(a);
  const Element t_squared = Square(t);
  const Element sign = Mul(t_squared, a);
  if (!(IsOne(Square(sign)) | IsZero(a))) return std::nullopt;
  const Element turn = Choose(IsOne(sign), Field().one.get(), Field().root_of_minus_one.get());
  return RootAndInverse{Mul(Mul(t, a), turn), Mul(sign, t_squared)};
}

bool Field25519::IsSquare(const Element& a) {
  // a^((p - 1) / 2) = s^2, as above.
  Element symbol = Power(a);
  SquareTimes(symbol, 1);
  MulBy(symbol, a);
  SquareTimes(symbol, 1);
  return IsOne(symbol) | IsZero(a);
}

bool Field25519::IsZero(const Element& a) { return BN_is_zero(a.get()); }

bool Field25519::IsOne(const Element& a) {
  constexpr int kBytes = static_cast<int>(kSize);
  Secret found(kSize);
  ByteArray<kSize> one;
  MustSucceed(BN_bn2lebinpad(a.get(), found.RevealMutable().data(), kBytes) == kBytes &&
                  BN_bn2lebinpad(Field().one.get(), one.data(), kBytes) == kBytes,
              "BN_bn2lebinpad");
  return ConstantTimeEqual(found.Reveal(), one);
}

// `a` if `choose`, else `b`, without a branch or an address that tells which.
Field25519::Element Field25519::Choose(bool choose, const BIGNUM* a, const BIGNUM* b) {
  constexpr int kWords = static_cast<int>(kSize / sizeof(BN_ULONG));
  Element chosen = New();
  Element other = New();
  // Both get room for all words first, as p has them: the swap asks for that.
  for (const Element* number : {&chosen, &other}) {
    MustSucceed(BN_copy(number->get(), Field().p.get()) != nullptr, "BN_copy");
  }
  MustSucceed(BN_copy(chosen.get(), b) != nullptr && BN_copy(other.get(), a) != nullptr, "BN_copy");
  BN_consttime_swap(choose ? 1 : 0, chosen.get(), other.get(), kWords);
  return chosen;
}

}  // namespace recrypt
