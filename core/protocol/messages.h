// The messages of the protocol as structs, each with its reader and its writer (docs/PROTOCOL.md, 1
// and 3): both ends use these, so a field is spelled in one place.
//
//   Json body = ToJson(GetRequest{...});                       // {"Get":{...}}
//   RECRYPT_ASSIGN(Request request, ParseRequest(json));       // a variant of all seven
//
// Readers bound every list and string and refuse what is missing or of another type; members that
// are not known are ignored. Thread safe.
#ifndef RECRYPT_CORE_PROTOCOL_MESSAGES_H_
#define RECRYPT_CORE_PROTOCOL_MESSAGES_H_

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/json/json.h"

namespace recrypt {

enum class StatusCode : int {
  kOk = 201,
  kUpdated = 202,
  kRedirectPermanent = 303,
  kRedirectTemporary = 307,
  kInvalid = 400,
  kUnauthorized = 401,
  kNotFound = 404,
  kExists = 409,
  kInternal = 500,
  kOverload = 503,
};

struct ResponseStatus {
  StatusCode status = StatusCode::kOk;
  std::string reason;       // a word, see docs/PROTOCOL.md, 1
  std::string description;  // a sentence
  bool ok() const { return static_cast<int>(status) / 100 == 2; }
};
// What a client makes of a status, and a service of an error: one table, both ways.
Error ErrorOf(const ResponseStatus& status);
ResponseStatus StatusOf(const Error& error);

struct HelloRequest {
  std::string portal;
  struct Session {
    Json device;  // JWK
    Bytes ephemeral;
    Bytes signature;
    std::string time;
  };
  std::optional<Session> session;
};
struct HelloResponse {
  ResponseStatus status;
  Json service;  // JWS
  struct Session {
    Bytes id;
    Bytes ephemeral;
    std::string expires;
    Bytes signature;
  };
  std::optional<Session> session;
};

struct StaticRequest {
  std::string type;  // Profile, KeySet, Service, Entry, Secrets, Note
  std::string identifier;
};
// That T was made for the document that a grant is asked for (docs/FORMAT.md, 2.3).
struct GrantBinding {
  std::string text;  // the text of the header's `aad`
  Bytes signer;      // empty for P-256
  Bytes signature;
};
struct GrantRequest {
  std::string key;  // kid
  Bytes ephemeral;  // T
  Bytes document;   // 16 bytes
  Bytes header;     // 32 bytes
  std::optional<GrantBinding> binding = {};
};
enum class GrantUse { kOpen, kPrefetch };
struct GetRequest {
  std::string portal;
  std::vector<StaticRequest> statics;
  std::vector<GrantRequest> grants;
  GrantUse use = GrantUse::kOpen;
  bool halves = true;
};
struct StaticResult {
  std::string type;
  std::string identifier;
  ResponseStatus status;
  Json value;
};
struct GrantResult {
  ResponseStatus status;
  Bytes p;  // of a service that grants alone, else empty
  uint32_t lease_seconds = 0;
  std::map<std::string, Bytes> parts = {};  // of one that grants with others, by its quorums' names
};
struct GetResponse {
  ResponseStatus status;
  std::vector<StaticResult> statics;
  std::vector<GrantResult> grants;     // in the order asked for
  std::map<std::string, Json> halves;  // JWE by kid
  uint64_t receipt_sequence = 0;
  Bytes receipt_head;
};

struct EntryRecord {  // docs/PROTOCOL.md, 4.4
  std::string device;
  Json sign;  // JWK
  uint32_t epoch = 1;
  std::string key;
  Json service_half;   // JWE
  Json member_half;    // JWE
  Bytes credential;    // empty: may not write
  bool group = false;  // the personal group's of the account, for whichever device is in it
};
Json ToJson(const EntryRecord& entry);
Result<EntryRecord> ParseEntryRecord(const Json& json);

struct UserRecord {
  std::string label;
  std::string account;
  std::string profile_udf;
  std::vector<EntryRecord> entries;
};
// Several of one label: all of them, or none.
struct UsersRecord {
  std::vector<UserRecord> users;
};
struct KeySetRecord {
  Json profile;                         // JWS
  std::map<std::string, Json> secrets;  // JWE by device kid
};
// What a device leaves at a service for another one that knows the id, until it expires.
struct NoteRecord {
  Bytes id;  // 16 bytes
  Json content;
  std::string expires;  // RFC 3339
};
// Documents opened by a grant that was given before, under its lease.
struct OpenReport {
  std::string key;  // kid of the grant
  Bytes document;   // 16 bytes
  Bytes header;     // 32 bytes
  int64_t time = 0;
  uint32_t count = 1;
  bool offline = false;  // the service could not be reached then
};
struct OpensRecord {
  std::vector<OpenReport> opens;
};
// A supervisor's decision about a grant that is held for review.
struct ReviewRecord {
  std::string label;
  uint64_t id = 0;
  bool approved = false;
  uint32_t seconds = 0;  // how long it holds; 0: as long as the policy says
};
struct SetRequest {
  std::string portal;
  // Json: a Profile's JWS.
  std::variant<std::monostate, Json, KeySetRecord, UserRecord, UsersRecord, NoteRecord, OpensRecord,
               ReviewRecord>
      what;
};
struct SetResponse {
  ResponseStatus status;
};

struct DeleteRequest {
  std::string portal;
  enum class Kind { kUser, kKeySet, kDevice } kind = Kind::kUser;
  std::string label;
  std::string account;
  std::string device;
};
struct DeleteResponse {
  ResponseStatus status;
  std::string until;  // RFC 3339: when the last lease ends
};

struct SelectRequest {
  std::string portal;
  std::string type;  // Labels, Members, Entries, Audit, Joins
  std::string label;
  std::string account;
  std::string event;
  std::string after;
  uint32_t limit = 100;
  Bytes document = {};
  std::optional<int64_t> from = {};  // seconds since 1970
  std::optional<int64_t> to = {};    // the first second that is too late
};
struct SelectResponse {
  ResponseStatus status;
  Json items = Json::array();
  std::string next;
  Json checkpoint = {};  // JWS; null: none
};

struct JoinRequest {
  std::string portal;
  std::string label;
  std::string account;
  Json profile;  // JWS
  std::string message;
};
struct LeaveRequest {
  std::string portal;
  std::string label;
};
struct JoinResponse {
  ResponseStatus status;
};
struct LeaveResponse {
  ResponseStatus status;
};

using Request = std::variant<HelloRequest, GetRequest, SetRequest, DeleteRequest, SelectRequest,
                             JoinRequest, LeaveRequest>;
using Response = std::variant<ResponseStatus, HelloResponse, GetResponse, SetResponse,
                              DeleteResponse, SelectResponse, JoinResponse, LeaveResponse>;

Json ToJson(const Request& request);  // with its one member
Json ToJson(const Response& response);
Result<Request> ParseRequest(const Json& body);
Result<Response> ParseResponse(const Json& body);
// The status, whichever response it is.
const ResponseStatus& StatusIn(const Response& response);

}  // namespace recrypt

#endif  // RECRYPT_CORE_PROTOCOL_MESSAGES_H_
