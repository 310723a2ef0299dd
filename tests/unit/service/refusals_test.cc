// What the service refuses, over every transaction and every field: strangers, members and
// administrators of other labels, sessions in wrong hands, texts that are commands elsewhere.
#include <filesystem>
#include <set>

#include "core/json/jsonbcd.h"
#include "postgres.h"
#include "service/audit.h"
#include "service/sql_store.h"
#include "world.h"

namespace recrypt {
namespace {

using Kind = DeleteRequest::Kind;

SelectRequest Selecting(const std::string& type, const std::string& label) {
  SelectRequest select;
  select.type = type;
  select.label = label;
  return select;
}

GetRequest Getting(std::vector<StaticRequest> statics) {
  GetRequest get;
  get.statics = std::move(statics);
  return get;
}

class RefusalsTest : public testing::Test {
 protected:
  RefusalsTest() {
    EXPECT_TRUE(dave_client.Register(dave).ok());
    EXPECT_TRUE(dave_client.SetLabel(other, dave).ok());
    EXPECT_TRUE(dave_client.SetUser(other.User(world.carol)).ok());
  }

  // What an administrator of the label may ask.
  std::vector<Request> AdministratorsRequests() {
    const std::string& name = world.label.name();
    LabelProfile profile = world.label.profile;
    profile.version.version = 2;
    const TestLabel next(profile, world.label.master, world.label.key, world.label.service_encrypt);
    std::vector<Request> requests = {
        SetRequest{"", next.Record(world.alice)},
        SetRequest{"", world.label.User(world.carol)},
        SetRequest{"", ReviewRecord{name, 1, true, 60}},
        DeleteRequest{"", Kind::kUser, name, "bob@example.net", ""},
        DeleteRequest{"", Kind::kUser, name, "bob@example.net", world.bob.DeviceUdf()},
        DeleteRequest{"", Kind::kKeySet, name, "", ""},
        Getting({{"Secrets", name}}),
    };
    for (const char* type : {"Members", "Entries", "Audit", "Reviews", "Joins"}) {
      requests.emplace_back(Selecting(type, name));
    }
    return requests;
  }

  // And what any device may ask.
  std::vector<Request> DevicesRequests() {
    const std::string& name = world.label.name();
    GetRequest grant;
    grant.grants = {{world.label.Kid(), NewEphemeral(), Bytes(16, 1), Bytes(32, 2)}};
    return {
        grant,
        Getting({{"Entry", name}}),
        Getting({{"Note", Base64UrlEncode(Bytes(16, 7))}}),
        SetRequest{"", world.alice.Jws()},
        SetRequest{"", NoteRecord{Bytes(16, 9), Json{{"a", "b"}}, FormatTime(Now() + 60)}},
        SetRequest{"", OpensRecord{{{world.label.Kid(), Bytes(16, 1), Bytes(32, 2), Now()}}}},
        DeleteRequest{"", Kind::kDevice, "", "alice@example.com", world.alice.DeviceUdf()},
        Selecting("Labels", ""),
        JoinRequest{"", name, "bob@example.net", world.bob.Jws(), "please"},
        LeaveRequest{"", name},
    };
  }

  std::vector<Request> AllRequests() {
    std::vector<Request> all = AdministratorsRequests();
    for (Request& request : DevicesRequests()) all.push_back(std::move(request));
    return all;
  }

  int64_t Now() const { return world.service.clock.NowSeconds(); }

  // Everything that anybody may change, in one text.
  std::string Contents() {
    std::string text;
    for (const char* type : {"Members", "Entries", "Reviews", "Joins"}) {
      const Response response =
          world.alice_client.Call(Request(Selecting(type, world.label.name())));
      EXPECT_TRUE(StatusIn(response).ok()) << type;
      text += DumpJson(ToJson(response)) + "\n";
    }
    const GetRequest get =
        Getting({{"KeySet", world.label.name()}, {"Profile", "alice@example.com"}});
    return text + DumpJson(ToJson(world.alice_client.Call(Request(get))));
  }

  static std::string Shown(const Request& request) {
    return DumpJson(ToJson(request)).substr(0, 100);
  }

  // The refusal of a request, where it may be one of a part of it.
  static ResponseStatus RefusalIn(const Response& response) {
    const auto* get = std::get_if<GetResponse>(&response);
    if (get == nullptr || !get->status.ok()) return StatusIn(response);
    return get->statics.empty() ? get->grants.at(0).status : get->statics.at(0).status;
  }

  World world;
  TestAccount dave{"dave@example.com"};
  TestLabel other{"Other#example.com", dave, world.service};
  TestClient dave_client{world.service, dave.sign};
};

TEST_F(RefusalsTest, WithoutASessionNothingIsDoneButWhatAnyoneMayHave) {
  const std::string before = Contents();
  for (const Request& request : AllRequests()) {
    const ResponseStatus status = StatusIn(world.bob_client.CallBare(request));
    EXPECT_EQ(status.status, StatusCode::kUnauthorized) << Shown(request);
    EXPECT_EQ(status.reason, "session") << Shown(request);
  }
  EXPECT_EQ(Contents(), before);
}

TEST_F(RefusalsTest, MembersStrangersAndOtherLabelsAdministratorsAdministerNothing) {
  const std::string before = Contents();
  TestClient stranger(world.service, PrivateKey::Generate(Curve::kEd25519));
  for (TestClient* client : {&world.bob_client, &world.carol_client, &dave_client, &stranger}) {
    for (const Request& request : AdministratorsRequests()) {
      const ResponseStatus status = RefusalIn(client->Call(request));
      EXPECT_EQ(status.status, StatusCode::kUnauthorized) << Shown(request);
      const std::set<std::string> reasons = {"not-administrator", "not-supervisor"};
      EXPECT_TRUE(reasons.contains(status.reason)) << status.reason << " " << Shown(request);
    }
  }
  EXPECT_EQ(Contents(), before);
}

TEST_F(RefusalsTest, AMemberOfAnotherLabelGetsNoGrantNorEntry) {
  TestClient& carol = world.carol_client;
  EXPECT_TRUE(carol.Grant(other.Kid(), {NewEphemeral()}).grants.at(0).status.ok());
  EXPECT_EQ(carol.Grant(world.label.Kid(), {NewEphemeral()}).grants.at(0).status.reason,
            "no-entry");
  const GetRequest entry = Getting({{"Entry", world.label.name()}});
  EXPECT_EQ(RefusalIn(carol.Call(Request(entry))).status, StatusCode::kNotFound);
}

TEST_F(RefusalsTest, ADeviceThatWasRevokedGetsNothingByAnySession) {
  TestClient& bob = world.bob_client;
  EXPECT_TRUE(bob.Grant(world.label.Kid(), {NewEphemeral()}).grants.at(0).status.ok());
  ASSERT_TRUE(
      StatusIn(world.alice_client.Call(Request(DeleteRequest{
                   "", Kind::kUser, world.label.name(), "bob@example.net", world.bob.DeviceUdf()})))
          .ok());
  EXPECT_EQ(bob.Grant(world.label.Kid(), {NewEphemeral()}).grants.at(0).status.reason, "revoked");
  TestClient again(world.service, world.bob.sign);
  EXPECT_EQ(again.Grant(world.label.Kid(), {NewEphemeral()}).grants.at(0).status.reason, "revoked");
}

class StolenSessionTest : public RefusalsTest {
 protected:
  static SessionKeys CopyOf(const SessionKeys& keys) {
    return {Secret::CopyOf(keys.request.Reveal()), Secret::CopyOf(keys.response.Reveal())};
  }
  // Somebody else's connection, with all that bob's session has.
  std::unique_ptr<TestClient> Thief() {
    auto thief = std::make_unique<TestClient>(world.service, world.carol.sign);
    thief->session_id = world.bob_client.session_id;
    thief->keys = CopyOf(*world.bob_client.keys);
    thief->sequence = world.bob_client.sequence + 100;
    thief->clock_offset = world.bob_client.clock_offset;
    return thief;
  }
  std::string ReasonFor(TestClient& thief) {
    GetRequest get;
    get.grants = {{world.label.Kid(), NewEphemeral(), {}, {}}};
    const HttpAnswer answer = thief.Send(thief.Sign(DumpJson(ToJson(Request(get)))));
    return answer.status == 201 ? "granted" : thief.StatusOfAnswer(answer).reason;
  }
};

TEST_F(StolenSessionTest, IsOfNoUseWithoutItsKeys) {
  world.bob_client.Hello();
  const auto thief = Thief();
  TestClient& carol = world.carol_client;
  carol.Hello();
  thief->keys = CopyOf(*carol.keys);
  EXPECT_EQ(ReasonFor(*thief), "session");
}

TEST_F(StolenSessionTest, EndsAfterAnHour) {
  world.bob_client.Hello();
  const auto thief = Thief();
  EXPECT_EQ(ReasonFor(*thief), "granted");
  world.service.clock.Advance(kSessionSeconds + 1);
  thief->clock_offset += kSessionSeconds + 1;
  EXPECT_EQ(ReasonFor(*thief), "session");
}

TEST_F(StolenSessionTest, EndsWithItsDevice) {
  TestClient& bob = world.bob_client;
  bob.Hello();
  const auto thief = Thief();
  EXPECT_EQ(ReasonFor(*thief), "granted");
  ASSERT_TRUE(StatusIn(bob.Call(Request(DeleteRequest{"", Kind::kDevice, "", "bob@example.net",
                                                      world.bob.DeviceUdf()})))
                  .ok());
  EXPECT_EQ(ReasonFor(*thief), "session");
}

TEST_F(StolenSessionTest, EndsWithTheServiceProcessOrWithTheDatabase) {
  world.bob_client.Hello();
  world.service.Stop();
  if (TestPostgres::IsTheStore()) world.service.ChangeStore("TRUNCATE sessions");
  world.service.Start();
  const auto thief = Thief();
  EXPECT_EQ(ReasonFor(*thief), "session");
}

// Calls `use` with the JSON changed at one text after the other, each put back afterwards.
void WithEachText(Json& root, Json& node, const std::string& text,
                  const std::function<void(const Json&)>& use) {
  if (node.is_string()) {
    const Json before = std::exchange(node, Json(text));
    use(root);
    node = before;
  }
  if (!node.is_structured()) return;
  for (Json& child : node) WithEachText(root, child, text, use);
}

TEST_F(RefusalsTest, NoTextInAnyFieldIsMoreThanText) {
  const Request others = Selecting("Members", other.name());
  const std::string before = DumpJson(ToJson(dave_client.Call(others)));
  const auto files = [&] {
    std::set<std::string> names;
    for (const auto& one : std::filesystem::recursive_directory_iterator(
             std::filesystem::path(world.service.config.state).parent_path())) {
      names.insert(one.path().string());
    }
    return names;
  };
  const std::set<std::string> files_before = files();
  size_t sent = 0;
  for (const std::string& text :
       {std::string("'; DROP TABLE audit; --"), std::string("x' OR '1'='1"),
        std::string("\" UNION SELECT jws FROM profiles --"), std::string("%_*?[a-z]"),
        std::string("../../../../etc/passwd"), std::string("/dev/zero"), std::string("a\0b", 3),
        std::string("$(id)`id`"), std::string("%s%n%x{}"), std::string(5000, 'A')}) {
    for (const Request& request : AllRequests()) {
      Json json = ToJson(request);
      WithEachText(json, json, text, [&](const Json& changed) {
        TestClient& alice = world.alice_client;
        const HttpAnswer answer = alice.Send(alice.Sign(DumpJson(changed)));
        ++sent;
        EXPECT_EQ(answer.curl_error, 0) << DumpJson(changed);
        EXPECT_NE(answer.status, 500) << DumpJson(changed);
        EXPECT_TRUE(alice.HasTrueMac(answer)) << DumpJson(changed);
      });
    }
  }
  EXPECT_GT(sent, 500u);
  // What sealed texts hold, the service cannot know, and stores; nobody else is touched.
  EXPECT_EQ(DumpJson(ToJson(dave_client.Call(others))), before);
  EXPECT_EQ(files(), files_before);
  EXPECT_TRUE(world.bob_client.Grant(world.label.Kid(), {NewEphemeral()}).grants.at(0).status.ok());
  const auto store = world.service.ReadStore();
  EXPECT_TRUE(VerifyAudit(*store));
}

TEST_F(RefusalsTest, NoTextInAnyHeaderIsMoreThanText) {
  for (const std::string& text :
       {std::string("'; DROP TABLE audit; --"), std::string("../../etc/passwd"),
        std::string("%2e%2e%2f"), std::string("MeshRecrypt id=', seq=1, time=1, mac='"),
        std::string("MeshRecrypt id=AAAA, seq=99999999999999999999, time=-1, mac="),
        std::string(4000, 'x')}) {
    TestClient::Raw raw;
    raw.body = R"({"Hello":{}})";
    const auto refused = [&](std::string TestClient::Raw::*field, const std::string& value) {
      TestClient::Raw changed = raw;
      changed.*field = value;
      const int status = world.bob_client.Send(changed).status;
      EXPECT_TRUE(status >= 400 && status < 500) << status << " " << value;
    };
    refused(&TestClient::Raw::authorization, text);
    refused(&TestClient::Raw::host, text);
    refused(&TestClient::Raw::content_type, text);
    if (text.find(' ') == text.npos) refused(&TestClient::Raw::path, "/" + text);
  }
}

// Depth in the encodings that are no JSON, and where a text holds JSON of its own.
TEST_F(RefusalsTest, DepthIsBoundedInEveryEncodingAndInsideOfSignedObjects) {
  const auto nested = [](size_t depth) {
    Json value = Json::array();
    for (size_t i = 1; i < depth; ++i) value = Json::array({std::move(value)});
    return value;
  };
  TestClient::Raw raw;
  for (const char* type : {"application/json-b", "application/json-c"}) {
    raw.content_type = type;
    raw.body = std::string(AsText(EncodeJsonB(Json{{"Hello", Json{{"A", nested(100)}}}})));
    EXPECT_EQ(world.bob_client.Send(raw).status, 400) << type;
    raw.body = std::string(900'000, '\x80') + raw.body;  // and as no encoder would write it
    EXPECT_EQ(world.bob_client.Send(raw).status, 400) << type;
  }
  Json jws = world.alice.Jws();
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  for (const char* member : {"payload", "protected"}) {
    Json changed = jws;
    changed[member] = Base64UrlEncode(AsBytes(deep));
    TestClient& alice = world.alice_client;
    EXPECT_EQ(StatusIn(alice.Call(Request(SetRequest{"", changed}))).status, StatusCode::kInvalid)
        << member;
  }
}

}  // namespace
}  // namespace recrypt
