#include "core/escrow/shamir.h"

#include "core/crypto/openssl_handles.h"

namespace recrypt {
namespace {

constexpr uint8_t kShareType = 144;

using MontgomeryHandle = std::unique_ptr<BN_MONT_CTX, OpensslDeleter<BN_MONT_CTX_free>>;

// Integers modulo 2^128 + 51. Not thread safe.
class ShareField {
 public:
  using Element = BignumHandle;

  ShareField() : context_(BN_CTX_secure_new()), prime_(BN_new()), montgomery_(BN_MONT_CTX_new()) {
    MustSucceed(context_ && prime_ && montgomery_ && BN_set_bit(prime_.get(), 128) == 1 &&
                    BN_add_word(prime_.get(), 51) == 1 &&
                    BN_MONT_CTX_set(montgomery_.get(), prime_.get(), context_.get()) == 1,
                "the field of shares");
  }

  Element FromBytes(ByteSpan big_endian) {
    Element out = New();
    MustSucceed(
        BN_bin2bn(big_endian.data(), static_cast<int>(big_endian.size()), out.get()) != nullptr,
        "BN_bin2bn");
    return out;
  }

  Element FromWord(uint32_t value) {
    Element out = New();
    MustSucceed(BN_set_word(out.get(), value) == 1, "BN_set_word");
    return out;
  }

  Element Random() {
    Element out = New();
    MustSucceed(BN_priv_rand_range(out.get(), prime_.get()) == 1, "BN_priv_rand_range");
    return out;
  }

  Element Add(const Element& a, const Element& b) {
    Element out = New();
    MustSucceed(BN_mod_add_quick(out.get(), a.get(), b.get(), prime_.get()) == 1, "BN_mod_add");
    return out;
  }

  Element Mul(const Element& a, const Element& b) {
    Element scaled = New(), out = New();
    MustSucceed(BN_to_montgomery(scaled.get(), a.get(), montgomery_.get(), context_.get()) == 1 &&
                    BN_mod_mul_montgomery(out.get(), scaled.get(), b.get(), montgomery_.get(),
                                          context_.get()) == 1,
                "BN_mod_mul_montgomery");
    return out;
  }

  // What the share at `number` counts for among `shares`, at 0 (Lagrange). Numbers are public.
  Element Weight(std::span<const ShamirShare* const> shares, uint32_t number) {
    Element above = FromWord(1), below = FromWord(1);
    for (const ShamirShare* other : shares) {
      if (other->number == number) continue;
      above = Mul(above, FromWord(other->number));
      Element difference = FromWord(other->number);
      MustSucceed(BN_mod_sub(difference.get(), difference.get(), FromWord(number).get(),
                             prime_.get(), context_.get()) == 1,
                  "BN_mod_sub");
      below = Mul(below, difference);
    }
    Element inverse = New();
    MustSucceed(BN_mod_inverse(inverse.get(), below.get(), prime_.get(), context_.get()) != nullptr,
                "BN_mod_inverse");
    return Mul(above, inverse);
  }

  // Empty for the 51 values that need another bit.
  static Secret ToBytes(const Element& a) {
    if (BN_num_bits(a.get()) > static_cast<int>(8 * kSharedSecretSize)) return {};
    Secret out(kSharedSecretSize);
    MustSucceed(
        BN_bn2binpad(a.get(), out.RevealMutable().data(), static_cast<int>(kSharedSecretSize)) ==
            static_cast<int>(kSharedSecretSize),
        "BN_bn2binpad");
    return out;
  }

 private:
  static Element New() {
    Element out(BN_secure_new());
    MustSucceed(out != nullptr, "BN_secure_new");
    BN_set_flags(out.get(), BN_FLG_CONSTTIME);
    return out;
  }

  BignumContextHandle context_;
  BignumHandle prime_;
  MontgomeryHandle montgomery_;
};

bool IsThreshold(uint32_t threshold) { return threshold >= 2 && threshold <= kMaxShares; }

}  // namespace

Result<std::vector<ShamirShare>> SplitSecret(const Secret& secret, uint32_t threshold,
                                             uint32_t count) {
  if (secret.size() != kSharedSecretSize) {
    return Fail(ErrorCode::kInvalid, "a secret of 16 bytes is shared");
  }
  if (!IsThreshold(threshold) || count < threshold || count > kMaxShares) {
    return Fail(ErrorCode::kInvalid,
                "at most 15 shares are made, of which 2 or more, and no more than are made, are "
                "needed");
  }
  ShareField field;
  for (;;) {
    std::vector<ShareField::Element> polynomial;
    polynomial.push_back(field.FromBytes(secret.Reveal()));
    while (polynomial.size() < threshold) polynomial.push_back(field.Random());
    std::vector<ShamirShare> shares;
    for (uint32_t number = 1; number <= count; ++number) {
      const ShareField::Element at = field.FromWord(number);
      ShareField::Element value = field.FromWord(0);
      for (auto term = polynomial.rbegin(); term != polynomial.rend(); ++term) {
        value = field.Add(field.Mul(value, at), *term);
      }
      Secret bytes = ShareField::ToBytes(value);
      if (bytes.empty()) break;
      shares.push_back({threshold, number, std::move(bytes)});
    }
    // A share has 128 bits: with a value above, which is one in 2^122, another polynomial.
    if (shares.size() == count) return shares;
  }
}

Result<Secret> CombineShares(std::span<const ShamirShare* const> shares) {
  uint32_t seen = 0;
  for (const ShamirShare* share : shares) {
    const uint32_t bit = 1U << share->number;
    if (share->threshold != shares.size() || share->number < 1 || share->number > kMaxShares ||
        share->value.size() != kSharedSecretSize || (seen & bit) != 0) {
      return Fail(ErrorCode::kInvalid, "shares that do not go together");
    }
    seen |= bit;
  }
  if (shares.empty()) return Fail(ErrorCode::kInvalid, "no shares");
  ShareField field;
  ShareField::Element sum = field.FromWord(0);
  for (const ShamirShare* share : shares) {
    const auto weight = field.Weight(shares, share->number);
    sum = field.Add(sum, field.Mul(field.FromBytes(share->value.Reveal()), weight));
  }
  Secret secret = ShareField::ToBytes(sum);
  if (secret.empty()) return Fail(ErrorCode::kCorrupt, "shares of no 128-bit secret");
  return secret;
}

std::string ShareUdf(const ShamirShare& share) {
  Bytes bytes{kShareType, static_cast<uint8_t>(share.threshold << 4 | (share.number - 1))};
  bytes.reserve(2 + kSharedSecretSize);
  Append(bytes, share.value.Reveal());
  std::string text = Base32Encode(bytes);
  Wipe(bytes);
  return text;
}

Result<ShamirShare> ParseShareUdf(std::string_view characters) {
  if (characters.size() != kShareUdfSize) {
    return Fail(ErrorCode::kInvalid, "a share has 29 characters; characters found: " +
                                         std::to_string(characters.size()));
  }
  RECRYPT_ASSIGN(Bytes bytes, Base32Decode(characters));
  const Secret decoded = Secret::TakeFrom(bytes);
  const ByteSpan raw = decoded.Reveal();
  ShamirShare share{static_cast<uint32_t>(raw[1] >> 4), static_cast<uint32_t>((raw[1] & 15) + 1),
                    Secret::CopyOf(raw.subspan(2))};
  if (raw[0] != kShareType || !IsThreshold(share.threshold) || share.number > kMaxShares) {
    return Fail(ErrorCode::kInvalid, "not a share, which starts with S");
  }
  return share;
}

}  // namespace recrypt
