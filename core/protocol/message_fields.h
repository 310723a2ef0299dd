// What the readers and writers of the single messages share: bounded fields, and one pair of
// functions for each message. Private to core/protocol.
#ifndef RECRYPT_CORE_PROTOCOL_MESSAGE_FIELDS_H_
#define RECRYPT_CORE_PROTOCOL_MESSAGE_FIELDS_H_

#include <string>
#include <string_view>

#include "core/protocol/messages.h"

namespace recrypt::protocol {

constexpr size_t kMaxNameText = 512;   // labels, accounts, UDFs, kids, cursors
constexpr size_t kMaxSentence = 4096;  // descriptions, the message of a join
constexpr size_t kMaxStaticsInRequest = 64;
constexpr size_t kMaxEntriesInRequest = 1024;
constexpr size_t kMaxSecretsInRequest = 1024;
constexpr size_t kMaxItemsInPage = 1000;
constexpr size_t kNoteIdSize = 16;
constexpr size_t kMaxDocumentUid = 16;
constexpr size_t kDigestSize = 32;

// kInvalid when absent, no string, empty, or longer than `max` bytes.
Result<std::string> RequiredText(const Json& object, std::string_view key,
                                 size_t max = kMaxNameText);
// Empty when absent.
Result<std::string> OptionalText(const Json& object, std::string_view key,
                                 size_t max = kMaxNameText);
// base64url, decoded; empty when absent.
Result<Bytes> OptionalBytes(const Json& object, std::string_view key, size_t max);
Result<Bytes> BytesOfSize(const Json& object, std::string_view key, size_t size);
Result<Json> RequiredObject(const Json& object, std::string_view key);
// RFC 3339, as seconds since 1970; none when absent.
Result<std::optional<int64_t>> OptionalTime(const Json& object, std::string_view key);
// The member as an array of at most `max`; nullptr when absent.
Result<const Json*> OptionalArray(const Json& object, std::string_view key, size_t max);

void PutText(Json& object, const char* key, const std::string& text);  // unless empty
void PutStatus(Json& object, const ResponseStatus& status);
Result<ResponseStatus> ReadStatus(const Json& object);

Json Write(const HelloRequest& request);
Json Write(const GetRequest& request);
Json Write(const SetRequest& request);
Json Write(const DeleteRequest& request);
Json Write(const SelectRequest& request);
Json Write(const JoinRequest& request);
Json Write(const LeaveRequest& request);
Result<Request> ReadHelloRequest(const Json& object);
Result<Request> ReadGetRequest(const Json& object);
Result<Request> ReadSetRequest(const Json& object);
Result<Request> ReadDeleteRequest(const Json& object);
Result<Request> ReadSelectRequest(const Json& object);
Result<Request> ReadJoinRequest(const Json& object);
Result<Request> ReadLeaveRequest(const Json& object);

Json Write(const ResponseStatus& response);
Json Write(const HelloResponse& response);
Json Write(const GetResponse& response);
Json Write(const SetResponse& response);
Json Write(const DeleteResponse& response);
Json Write(const SelectResponse& response);
Json Write(const JoinResponse& response);
Json Write(const LeaveResponse& response);
Result<Response> ReadPlainResponse(const Json& object);
Result<Response> ReadHelloResponse(const Json& object);
Result<Response> ReadGetResponse(const Json& object);
Result<Response> ReadSetResponse(const Json& object);
Result<Response> ReadDeleteResponse(const Json& object);
Result<Response> ReadSelectResponse(const Json& object);
Result<Response> ReadJoinResponse(const Json& object);
Result<Response> ReadLeaveResponse(const Json& object);

}  // namespace recrypt::protocol

#endif  // RECRYPT_CORE_PROTOCOL_MESSAGE_FIELDS_H_
