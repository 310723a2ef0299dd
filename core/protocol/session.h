// The arithmetic of a session: handshake signatures, transcript, keys, and the MACs of requests and
// answers (docs/PROTOCOL.md, 2). No I/O; used by both ends so that neither can differ.
//
//   SessionKeys keys = DeriveSessionKeys(shared, transcript);
//   std::string mac = RequestMac(keys, {...});
//
// Thread safe.
#ifndef RECRYPT_CORE_PROTOCOL_SESSION_H_
#define RECRYPT_CORE_PROTOCOL_SESSION_H_

#include <string>
#include <string_view>

#include "core/crypto/keys.h"
#include "core/crypto/symmetric.h"

namespace recrypt {

inline constexpr std::string_view kWellKnownPath = "/.well-known/meshrecrypt";
inline constexpr std::string_view kResponseMacHeader = "MeshRecrypt-MAC";
inline constexpr int64_t kMaxClockSkewSeconds = 300;
inline constexpr int64_t kSessionSeconds = 3600;
inline constexpr size_t kMaxRequestBody = 1 << 20;
inline constexpr size_t kMaxGrantsInRequest = 256;
inline constexpr size_t kMaxOpensInRequest = 256;
inline constexpr size_t kMaxUsersInRequest = 256;

struct HandshakeText {
  std::string domain;
  Bytes client_ephemeral;  // 32 bytes
  std::string device;      // UDF
  std::string time;        // RFC 3339, as sent
};
Bytes HelloText(const HandshakeText& hello);  // what the device signs

struct ServiceText {
  Bytes session_id;         // 16 bytes
  Bytes service_ephemeral;  // 32 bytes
  std::string service;      // UDF of the service's signature key
};
Sha256Digest Transcript(const HandshakeText& hello, const ServiceText& service);
Bytes SessionText(const Sha256Digest& transcript);  // what the service signs

struct SessionKeys {
  Secret request;
  Secret response;
};
Result<SessionKeys> DeriveSessionKeys(const PrivateKey& own_ephemeral, ByteSpan peer_ephemeral,
                                      const Sha256Digest& transcript);

struct RequestText {
  std::string_view method;
  std::string_view domain;
  std::string_view path;
  int64_t time = 0;
  uint64_t sequence = 0;
  ByteSpan body;
};
Sha256Digest RequestMac(const SessionKeys& keys, const RequestText& request);
Sha256Digest ResponseMac(const SessionKeys& keys, const Sha256Digest& request_mac, int http_status,
                         ByteSpan body);

// The Authorization header's fields, both ways.
struct RequestAuthorization {
  Bytes session_id;
  uint64_t sequence = 0;
  int64_t time = 0;
  Sha256Digest mac{};
};
std::string FormatAuthorization(const RequestAuthorization& authorization);
Result<RequestAuthorization> ParseAuthorization(std::string_view header);

// Takes each sequence number once: a sliding window of 1,024 below the highest seen. Not thread
// safe.
class ReplayWindow {
 public:
  // False when the number was taken before, is 0, or lies below the window.
  bool Take(uint64_t sequence);

 private:
  static constexpr uint64_t kSize = 1024;
  uint64_t highest_ = 0;
  ByteArray<kSize / 8> seen_{};
};

}  // namespace recrypt

#endif  // RECRYPT_CORE_PROTOCOL_SESSION_H_
