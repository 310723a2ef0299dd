#include "core/protocol/messages.h"

#include <gtest/gtest.h>

namespace recrypt {
namespace {

Json Parsed(std::string_view text) {
  auto json = ParseJson(text);
  EXPECT_TRUE(json) << text;
  return json ? *json : Json();
}

const Json kJws = {{"protected", "e30"}, {"payload", "e30"}, {"signature", "AA"}};
const Json kJwe = {{"protected", "e30"}, {"ciphertext", "AA"}};

// What is written, read and written again is the same.
void ExpectRoundTrip(const Request& request) {
  const Json written = ToJson(request);
  auto read = ParseRequest(Parsed(DumpJson(written)));
  ASSERT_TRUE(read) << read.error().message << " in " << DumpJson(written);
  EXPECT_EQ(read->index(), request.index());
  EXPECT_EQ(ToJson(*read), written);
}

void ExpectRoundTrip(const Response& response) {
  const Json written = ToJson(response);
  auto read = ParseResponse(Parsed(DumpJson(written)));
  ASSERT_TRUE(read) << read.error().message << " in " << DumpJson(written);
  EXPECT_EQ(read->index(), response.index());
  EXPECT_EQ(ToJson(*read), written);
}

EntryRecord ExampleEntry() {
  return {"MDEV-ICE", {{"kty", "OKP"}}, 2, "MKEY", kJwe, kJwe, Bytes{1, 2, 3}, true};
}

TEST(Messages, EveryRequestReadsAsItWasWritten) {
  ExpectRoundTrip(Request(HelloRequest{}));
  ExpectRoundTrip(Request(HelloRequest{
      "example.com", HelloRequest::Session{{{"kty", "OKP"}}, Bytes(32, 1), Bytes(64, 2), "now"}}));
  ExpectRoundTrip(Request(GetRequest{"example.com", {{"KeySet", "A#example.com"}}, {}}));
  ExpectRoundTrip(Request(GetRequest{
      "",
      {},
      {{"MKEY", Bytes(32, 9), Bytes(16, 1), Bytes(32, 2)}, {"MKEY", Bytes(33, 9), {}, {}}},
      GrantUse::kPrefetch,
      true}));
  SetRequest set;
  set.portal = "example.com";
  set.what.emplace<Json>(kJws);
  ExpectRoundTrip(Request(set));
  set.what.emplace<KeySetRecord>(KeySetRecord{kJws, {{"MDEV", kJwe}}});
  ExpectRoundTrip(Request(set));
  set.what.emplace<UserRecord>(UserRecord{"A#e.com", "b@e.net", "MUDF", {ExampleEntry()}});
  ExpectRoundTrip(Request(set));
  using Kind = DeleteRequest::Kind;
  ExpectRoundTrip(Request(DeleteRequest{"", Kind::kUser, "A#e.com", "b@e.net", ""}));
  ExpectRoundTrip(Request(DeleteRequest{"", Kind::kUser, "A#e.com", "b@e.net", "MDEV"}));
  ExpectRoundTrip(Request(DeleteRequest{"e.com", Kind::kKeySet, "A#e.com", "", ""}));
  ExpectRoundTrip(Request(DeleteRequest{"", Kind::kDevice, "", "b@e.net", "MDEV"}));
  ExpectRoundTrip(Request(SelectRequest{"", "Audit", "A#e.com", "b@e.net", "grant", "17", 1000}));
  ExpectRoundTrip(Request(
      SelectRequest{"", "Audit", "A#e.com", "", "", "", 1, Bytes(16, 1), 1769860800, 1769860900}));
  SetRequest users;
  const EntryRecord entry = ExampleEntry();
  users.what.emplace<UsersRecord>(UsersRecord{
      {{"A#e.com", "b@e.net", "MUDF", {entry}}, {"A#e.com", "c@e.net", "MUDG", {entry, entry}}}});
  ExpectRoundTrip(Request(users));
  SetRequest opens;
  opens.what.emplace<OpensRecord>(
      OpensRecord{{{"MKEY", Bytes(16, 1), Bytes(32, 2), 1769860800, 3, true}}});
  ExpectRoundTrip(Request(opens));
  SetRequest review;
  review.what.emplace<ReviewRecord>(ReviewRecord{"A#e.com", 3, true, 3600});
  ExpectRoundTrip(Request(review));
  ExpectRoundTrip(Request(JoinRequest{"", "A#e.com", "b@e.net", kJws, "please"}));
  ExpectRoundTrip(Request(LeaveRequest{"", "A#e.com"}));
}

TEST(Messages, EveryResponseReadsAsItWasWritten) {
  ExpectRoundTrip(Response(ResponseStatus{StatusCode::kOverload, "overload", "later"}));
  ExpectRoundTrip(Response(HelloResponse{{}, kJws, std::nullopt}));
  ExpectRoundTrip(Response(HelloResponse{
      {}, kJws, HelloResponse::Session{Bytes(16, 1), Bytes(32, 2), "then", Bytes(64, 3)}}));
  GetResponse get;
  get.statics = {{"Profile", "b@e.net", {}, kJws},
                 {"KeySet", "A#e.com", {StatusCode::kNotFound, "not-found", "none"}, Json()}};
  get.grants = {{{}, Bytes(32, 1), 900},
                {{StatusCode::kUnauthorized, "no-entry", "no entry"}, {}, 0},
                {{}, {}, 60, {{"a.test+b.test", Bytes(32, 2)}, {"a.test+c.test", Bytes(32, 3)}}}};
  get.halves = {{"MKEY", kJwe}};
  get.receipt_sequence = 17;
  get.receipt_head = Bytes(32, 4);
  ExpectRoundTrip(Response(get));
  ExpectRoundTrip(Response(SetResponse{{StatusCode::kUpdated, "", ""}}));
  ExpectRoundTrip(Response(DeleteResponse{{StatusCode::kUpdated, "", ""}, "2026-01-31T12:00:00Z"}));
  ExpectRoundTrip(Response(SelectResponse{{}, Json::array({1, 2}), "next"}));
  ExpectRoundTrip(Response(SelectResponse{{}, Json::array(), "", {{"payload", "e30"}}}));
  ExpectRoundTrip(Response(JoinResponse{}));
  ExpectRoundTrip(Response(LeaveResponse{}));
}

TEST(Messages, LongNamesOfRequestsAreAccepted) {
  EXPECT_TRUE(
      std::holds_alternative<HelloRequest>(*ParseRequest(Parsed(R"({"HelloRequest":{}})"))));
  auto select = ParseRequest(Parsed(R"({"SearchRequest":{"Type":"Labels"}})"));
  ASSERT_TRUE(select);
  EXPECT_EQ(std::get<SelectRequest>(*select).limit, 100u);
}

TEST(Messages, MembersThatAreNotKnownAreIgnored) {
  EXPECT_TRUE(ParseRequest(Parsed(R"({"Hello":{"Colour":"blue"}})")));
}

TEST(Messages, ARequestThatIsNotOneIsRefused) {
  for (const char* text :
       {"null",
        "[]",
        "{}",
        "1",
        R"({"Hello":1})",
        R"({"Hello":{},"Get":{}})",
        R"({"Nothing":{}})",
        R"({"Hello":{"Portal":7}})",
        R"({"Hello":{"Session":[]}})",
        R"({"Hello":{"Session":{}}})",
        R"({"Get":{"Static":{}}})",
        R"({"Get":{"Static":[7]}})",
        R"({"Get":{"Static":[{}]}})",
        R"({"Get":{"ResourceSet":{"Use":"theft"}}})",
        R"({"Get":{"ResourceSet":{"Dynamic":[[]]}}})",
        R"({"Get":{"ResourceSet":{"Dynamic":[{"Key":"M","T":"*"}]}}})",
        R"({"Set":{}})",
        R"({"Set":{"Profile":{},"KeySet":{}}})",
        R"({"Set":{"Profile":"x"}})",
        R"({"Set":{"User":{"Label":"a","Account":"b","Profile":"c","Entries":[]}}})",
        R"({"Set":{"Users":{"Items":[]}}})",
        R"({"Set":{"Users":{"Items":[{"Label":"a","Account":"b","Profile":"c","Entries":[]}]}}})",
        R"({"Set":{"Users":[]}})",
        R"({"Delete":{}})",
        R"({"Delete":{"User":{"Label":"a"}}})",
        R"({"Select":{}})",
        R"({"Select":{"Type":"Labels","Limit":0}})",
        R"({"Select":{"Type":"Labels","Limit":1001}})",
        R"({"Select":{"Type":"Labels","Limit":-1}})",
        R"({"Join":{"Label":"a"}})",
        R"({"Leave":{}})"}) {
    EXPECT_FALSE(ParseRequest(Parsed(text))) << text;
  }
}

TEST(Messages, ListsAndTextsAreBounded) {
  GetRequest many;
  many.grants.assign(256, {"MKEY", Bytes(32, 9), {}, {}});
  EXPECT_TRUE(ParseRequest(ToJson(Request(many))));
  many.grants.push_back(many.grants.front());
  EXPECT_FALSE(ParseRequest(ToJson(Request(many))));
  EXPECT_FALSE(ParseRequest(ToJson(Request(LeaveRequest{"", std::string(513, 'a')}))));
  EXPECT_FALSE(ParseRequest(
      ToJson(Request(GetRequest{"", {}, {{"MKEY", Bytes(34, 9), {}, {}}}, {}, false}))));
}

TEST(Messages, AResponseThatIsNotOneIsRefused) {
  for (
      const char* text :
      {"null", "{}", R"({"GetResponse":{}})", R"({"GetResponse":{"Status":"201"}})",
       R"({"GetResponse":{"Status":99}})", R"({"GetResponse":{"Status":600}})",
       R"({"Hello":{"Status":201}})",
       R"({"HelloResponse":{"Status":201,"Version":{"Major":2,"Minor":0}}})",
       R"({"GetResponse":{"Status":201,"ResourceSet":{"Dynamic":[{"Status":201}]}}})",
       R"({"GetResponse":{"Status":201,"ResourceSet":{"Dynamic":[{"Status":201,"P":"AA","Lease":1}]}}})",
       R"({"SearchResponse":{"Status":201,"Items":{}}})"}) {
    EXPECT_FALSE(ParseResponse(Parsed(text))) << text;
  }
}

TEST(Messages, Status200IsTakenAs201) {
  auto response = ParseResponse(Parsed(R"({"RecryptResponse":{"Status":200}})"));
  ASSERT_TRUE(response);
  EXPECT_EQ(StatusIn(*response).status, StatusCode::kOk);
}

TEST(StatusTable, EveryErrorCodeComesBackFromItsStatus) {
  for (ErrorCode code : {ErrorCode::kInvalid, ErrorCode::kNotFound, ErrorCode::kExists,
                         ErrorCode::kDenied, ErrorCode::kForbidden, ErrorCode::kPending,
                         ErrorCode::kQuota, ErrorCode::kUnavailable, ErrorCode::kStale}) {
    EXPECT_EQ(ErrorOf(StatusOf(Error{code, "why", 0})).code, code) << ErrorCodeName(code);
  }
}

TEST(StatusTable, TheReasonTellsRefusalsApart) {
  const auto code = [](const char* reason) {
    return ErrorOf({StatusCode::kUnauthorized, reason, ""}).code;
  };
  EXPECT_EQ(code("no-entry"), ErrorCode::kDenied);
  EXPECT_EQ(code("revoked"), ErrorCode::kDenied);
  EXPECT_EQ(code("policy"), ErrorCode::kForbidden);
  EXPECT_EQ(code("quota"), ErrorCode::kQuota);
  EXPECT_EQ(code("pending"), ErrorCode::kPending);
  EXPECT_EQ(code("stale"), ErrorCode::kStale);
}

TEST(StatusTable, AnInternalErrorIsNotToldInDetail) {
  const ResponseStatus status = StatusOf(Error{ErrorCode::kIo, "disk /dev/sda1 is full", 28});
  EXPECT_EQ(status.status, StatusCode::kInternal);
  EXPECT_EQ(status.description.find("sda1"), std::string::npos);
}

}  // namespace
}  // namespace recrypt
