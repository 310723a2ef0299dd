#include "core/protocol/session.h"

#include <array>
#include <charconv>
#include <limits>

namespace recrypt {
namespace {

constexpr std::string_view kScheme = "MeshRecrypt ";
constexpr size_t kMaxAuthorization = 512;
constexpr size_t kSessionIdSize = 16;

void AppendPrefixed(Bytes& to, ByteSpan part) {
  // Domains, UDFs and times are bounded far below by their readers; a longer one is never cut.
  const size_t size = std::min<size_t>(part.size(), std::numeric_limits<uint16_t>::max());
  AppendU16(to, static_cast<uint16_t>(size));
  Append(to, part);
}

Bytes Labelled(std::string_view label) {
  Bytes text = ToBytes(AsBytes(label));
  text.push_back(0);
  return text;
}

void AppendHello(Bytes& to, const HandshakeText& hello) {
  AppendPrefixed(to, AsBytes(hello.domain));
  AppendPrefixed(to, hello.client_ephemeral);
  AppendPrefixed(to, AsBytes(hello.device));
  AppendPrefixed(to, AsBytes(hello.time));
}

std::string JoinLines(std::initializer_list<std::string_view> lines) {
  std::string text;
  for (std::string_view line : lines) {
    if (!text.empty()) text.push_back('\n');
    text.append(line);
  }
  return text;
}

template <typename T>
Result<T> ParseDecimal(std::string_view text) {
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty() || text[0] == '-') {
    return Fail(ErrorCode::kInvalid, "Authorization: not a decimal number");
  }
  return value;
}

}  // namespace

Bytes HelloText(const HandshakeText& hello) {
  Bytes text = Labelled("meshrecrypt/1 hello");
  AppendHello(text, hello);
  return text;
}

Sha256Digest Transcript(const HandshakeText& hello, const ServiceText& service) {
  Bytes text = Labelled("meshrecrypt/1");
  AppendHello(text, hello);
  AppendPrefixed(text, service.session_id);
  AppendPrefixed(text, service.service_ephemeral);
  AppendPrefixed(text, AsBytes(service.service));
  return Sha256(text);
}

Bytes SessionText(const Sha256Digest& transcript) {
  Bytes text = Labelled("meshrecrypt/1 session");
  Append(text, transcript);
  return text;
}

Result<SessionKeys> DeriveSessionKeys(const PrivateKey& own_ephemeral, ByteSpan peer_ephemeral,
                                      const Sha256Digest& transcript) {
  RECRYPT_ASSIGN(const PublicKey peer, PublicKey::FromBytes(Curve::kX25519, peer_ephemeral));
  RECRYPT_ASSIGN(const Secret shared, own_ephemeral.Agree(peer));
  SessionKeys keys;
  RECRYPT_ASSIGN(keys.request,
                 Hkdf(HashAlgorithm::kSha256, shared.Reveal(), transcript, AsBytes("request"), 32));
  RECRYPT_ASSIGN(keys.response, Hkdf(HashAlgorithm::kSha256, shared.Reveal(), transcript,
                                     AsBytes("response"), 32));
  return keys;
}

Sha256Digest RequestMac(const SessionKeys& keys, const RequestText& request) {
  const std::string text =
      JoinLines({"meshrecrypt/1 request", request.method, request.domain, request.path,
                 std::to_string(request.time), std::to_string(request.sequence),
                 Base64UrlEncode(Sha256(request.body))});
  return HmacSha256(keys.request.Reveal(), AsBytes(text));
}

Sha256Digest ResponseMac(const SessionKeys& keys, const Sha256Digest& request_mac, int http_status,
                         ByteSpan body) {
  const std::string text = JoinLines({"meshrecrypt/1 response", Base64UrlEncode(request_mac),
                                      std::to_string(http_status), Base64UrlEncode(Sha256(body))});
  return HmacSha256(keys.response.Reveal(), AsBytes(text));
}

std::string FormatAuthorization(const RequestAuthorization& authorization) {
  return std::string(kScheme) + "id=" + Base64UrlEncode(authorization.session_id) +
         ", seq=" + std::to_string(authorization.sequence) +
         ", time=" + std::to_string(authorization.time) +
         ", mac=" + Base64UrlEncode(authorization.mac);
}

Result<RequestAuthorization> ParseAuthorization(std::string_view header) {
  if (header.size() > kMaxAuthorization || !header.starts_with(kScheme)) {
    return Fail(ErrorCode::kInvalid, "Authorization: not of the form MeshRecrypt id=…");
  }
  header.remove_prefix(kScheme.size());
  constexpr std::array<std::string_view, 4> kNames = {"id=", "seq=", "time=", "mac="};
  std::array<std::string_view, 4> values;
  for (size_t i = 0; i < kNames.size(); ++i) {
    const bool last = i + 1 == kNames.size();
    const size_t end = last ? header.size() : header.find(", ");
    if (!header.starts_with(kNames[i]) || end == std::string_view::npos) {
      return Fail(ErrorCode::kInvalid, "Authorization: expected id, seq, time and mac");
    }
    values[i] = header.substr(kNames[i].size(), end - kNames[i].size());
    header.remove_prefix(last ? end : end + 2);
  }
  RequestAuthorization authorization;
  RECRYPT_ASSIGN(authorization.session_id, Base64UrlDecode(values[0]));
  if (authorization.session_id.size() != kSessionIdSize) {
    return Fail(ErrorCode::kInvalid, "Authorization: a session id has 16 bytes");
  }
  RECRYPT_ASSIGN(authorization.sequence, ParseDecimal<uint64_t>(values[1]));
  RECRYPT_ASSIGN(authorization.time, ParseDecimal<int64_t>(values[2]));
  RECRYPT_ASSIGN(const Bytes mac, Base64UrlDecode(values[3]));
  RECRYPT_ASSIGN(authorization.mac, ToArray<32>(mac));
  return authorization;
}

bool ReplayWindow::Take(uint64_t sequence) {
  if (sequence == 0) return false;
  if (sequence > highest_) {
    // The numbers skipped over become untaken places of the ring.
    const uint64_t steps = std::min(sequence - highest_, kSize);
    for (uint64_t i = 0; i < steps; ++i) {
      const uint64_t slot = (sequence - i) % kSize;
      seen_[slot / 8] = static_cast<uint8_t>(seen_[slot / 8] & ~(1u << (slot % 8)));
    }
    highest_ = sequence;
  } else if (highest_ - sequence >= kSize) {
    return false;
  }
  const uint64_t slot = sequence % kSize;
  const auto bit = static_cast<uint8_t>(1u << (slot % 8));
  if ((seen_[slot / 8] & bit) != 0) return false;
  seen_[slot / 8] |= bit;
  return true;
}

}  // namespace recrypt
