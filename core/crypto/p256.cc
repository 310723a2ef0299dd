#include "core/crypto/p256.h"

#include <openssl/err.h>
#include <openssl/obj_mac.h>

#include <algorithm>

namespace recrypt::p256 {

const EC_GROUP* Group() {
  static const EC_GROUP* const group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
  MustSucceed(group != nullptr, "P-256");
  return group;
}

const BIGNUM* Order() { return EC_GROUP_get0_order(Group()); }

PointHandle NewPoint() {
  PointHandle point(EC_POINT_new(Group()));
  MustSucceed(point != nullptr, "EC_POINT_new");
  return point;
}

BignumContextHandle NewContext() {
  BignumContextHandle context(BN_CTX_secure_new());
  MustSucceed(context != nullptr, "BN_CTX_secure_new");
  return context;
}

BignumHandle NewSecret() {
  BignumHandle number(BN_secure_new());
  MustSucceed(number != nullptr, "BN_secure_new");
  BN_set_flags(number.get(), BN_FLG_CONSTTIME);
  return number;
}

BignumHandle SecretFrom(ByteSpan bytes) {
  BignumHandle number = NewSecret();
  MustSucceed(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), number.get()) != nullptr,
              "BN_bin2bn");
  return number;
}

PointHandle DecodePoint(ByteSpan encoded) {
  const bool compressed = encoded.size() == kCompressedSize && (encoded[0] & 0xfe) == 0x02;
  const bool uncompressed = encoded.size() == kUncompressedSize && encoded[0] == 0x04;
  if (!compressed && !uncompressed) return nullptr;  // SEC 1 has a hybrid form, too
  PointHandle point = NewPoint();
  // EC_POINT_oct2point checks the equation of the curve.
  if (EC_POINT_oct2point(Group(), point.get(), encoded.data(), encoded.size(), nullptr) != 1) {
    ERR_clear_error();
    return nullptr;
  }
  return point;
}

PointHandle LiftX(ByteSpan x) {
  constexpr uint8_t kEvenY = 0x02;
  if (x.size() != kFieldSize) return nullptr;
  Secret encoded(kCompressedSize);
  encoded.RevealMutable()[0] = kEvenY;
  std::copy(x.begin(), x.end(), encoded.RevealMutable().begin() + 1);
  return DecodePoint(encoded.Reveal());
}

Bytes EncodePoint(const EC_POINT* point, point_conversion_form_t form) {
  Bytes out(form == POINT_CONVERSION_COMPRESSED ? kCompressedSize : kUncompressedSize);
  MustSucceed(
      EC_POINT_point2oct(Group(), point, form, out.data(), out.size(), nullptr) == out.size(),
      "EC_POINT_point2oct");
  return out;
}

Secret AffineX(const EC_POINT* point, BN_CTX* context) {
  if (EC_POINT_is_at_infinity(Group(), point) == 1) return Secret();
  BignumHandle x = NewSecret();
  Secret out(kFieldSize);
  MustSucceed(EC_POINT_get_affine_coordinates(Group(), point, x.get(), nullptr, context) == 1 &&
                  BN_bn2binpad(x.get(), out.RevealMutable().data(), static_cast<int>(kFieldSize)) ==
                      static_cast<int>(kFieldSize),
              "P-256 coordinates");
  return out;
}

}  // namespace recrypt::p256
