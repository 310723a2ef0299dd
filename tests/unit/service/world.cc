#include "world.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <algorithm>
#include <filesystem>

#include "core/jose/jwk.h"
#include "core/recryption/recryption.h"
#include "core/udf/udf.h"
#include "postgres.h"
#include "service/postgres_connection.h"

namespace recrypt {
namespace {

constexpr int64_t kYear = 366 * 86400;

AccountName Account(const std::string& name) { return AccountName::Parse(name).value(); }

struct Upload {
  uint64_t left = 0;
  uint64_t sent = 0;
};

size_t ReadZeros(char* to, size_t size, size_t count, void* user) {
  auto* upload = static_cast<Upload*>(user);
  const size_t bytes = static_cast<size_t>(std::min<uint64_t>(size * count, upload->left));
  std::fill_n(to, bytes, '\0');
  upload->left -= bytes;
  upload->sent += bytes;
  return bytes;
}

size_t TakeBody(char* data, size_t size, size_t count, void* user) {
  static_cast<std::string*>(user)->append(data, size * count);
  return size * count;
}

size_t TakeHeader(char* data, size_t size, size_t count, void* user) {
  auto* answer = static_cast<HttpAnswer*>(user);
  const std::string line(data, size * count);
  const auto value = [&](const std::string& name) {
    return line.substr(name.size() + 2, line.find_first_of("\r\n") - name.size() - 2);
  };
  if (line.starts_with("MeshRecrypt-MAC: ")) answer->mac = value("MeshRecrypt-MAC");
  if (line.starts_with("Retry-After: ")) answer->retry_after = value("Retry-After");
  if (line.starts_with("MeshRecrypt-Request: ")) answer->request_id = value("MeshRecrypt-Request");
  return size * count;
}

class FailingStore : public Store {
 public:
  FailingStore(std::unique_ptr<Store> below, const StoreFaults& faults)
      : below_(std::move(below)), faults_(faults) {}
  Status Read(const ReadBody& body) override {
    if (faults_.reads) return Fail(ErrorCode::kIo, "the disk is gone");
    return below_->Read(body);
  }
  std::vector<Status> Write(std::span<const WriteBody> bodies) override {
    const Status full = Fail(ErrorCode::kIo, "the disk is full");
    return faults_.writes ? std::vector<Status>(bodies.size(), full) : below_->Write(bodies);
  }

 private:
  const std::unique_ptr<Store> below_;
  const StoreFaults& faults_;
};

}  // namespace

Server::WrapStore StoreFaults::Wrap() {
  return [this](std::unique_ptr<Store> below) {
    return std::make_unique<FailingStore>(std::move(below), *this);
  };
}

UniqueFd ConnectTo(const std::string& address) {
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  where.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval limit{10, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&where), sizeof(where)) != 0) return {};
  return fd;
}

TestFolder::TestFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "recryptd-test-XXXXXX").string();
  path_ = mkdtemp(name.data());
}

TestFolder::~TestFolder() { std::filesystem::remove_all(path_); }

void ChangeStoreAt(const std::string& path, const std::string& uri, const std::string& sql) {
  const auto connection = uri.empty() ? OpenSqlite(path, SqliteAccess::kReadWrite, AuditSync::kOs)
                                      : ConnectPostgres(uri, AuditSync::kOs, PostgresUse::kShort);
  ASSERT_TRUE(connection) << connection.error().message;
  const Status changed = (*connection)->RunScript(sql);
  ASSERT_TRUE(changed) << changed.error().message;
}

TestService::TestService(const std::string& domain, Server::WrapStore wrap)
    : wrap_(std::move(wrap)) {
  config.domain = domain;
  config.listen = "127.0.0.1:0";
  config.state = folder_.path() + "/state";
  config.self_signed = true;
  config.store = NewTestStore();
  config.audit_sync = "os";
  config.threads = 2;
  config.log_level = "off";
  Start();
}

void TestService::Start() {
  auto started = Server::Start(config, clock, wrap_);
  if (!started) {
    ADD_FAILURE() << started.error().message;
    std::abort();
  }
  server_ = std::move(*started);
  address_ = server_->address();
}

void TestService::Restart() {
  Stop();
  Start();
}

TestAccount::TestAccount(const std::string& text) : name(Account(text)) {}

std::string TestAccount::Udf() const { return KeyUdf(master.public_key()); }

std::string TestAccount::DeviceUdf() const { return KeyUdf(sign.public_key()); }

Json TestAccount::Jws() const {
  const int64_t now = SystemClock().NowSeconds();
  Profile profile{{version, now, now + kYear}, name, master.public_key(), more_devices, {}};
  profile.devices.insert(profile.devices.begin(),
                         Device{"laptop", sign.public_key(), encrypt.public_key()});
  return SignProfile(profile, master);
}

namespace {

LabelProfile NewLabelProfile(const std::string& name, const TestAccount& owner,
                             const TestService& service, const PublicKey& master,
                             const PublicKey& key) {
  const int64_t now = SystemClock().NowSeconds();
  const Principal principal{owner.name, owner.Udf()};
  return LabelProfile{{1, now, now + kYear},
                      LabelName::Parse(name).value(),
                      master,
                      principal,
                      {principal},
                      1,
                      key,
                      {},
                      {{service.domain(), service.server().fingerprint()}},
                      {}};
}

}  // namespace

TestLabel::TestLabel(const std::string& name, const TestAccount& owner, const TestService& service,
                     Curve curve)
    : TestLabel(name, owner, service, PrivateKey::Generate(Curve::kEd25519),
                PrivateKey::Generate(curve)) {}

TestLabel::TestLabel(const std::string& name, const TestAccount& owner, const TestService& service,
                     PrivateKey master_key, PrivateKey label_key)
    : TestLabel(
          NewLabelProfile(name, owner, service, master_key.public_key(), label_key.public_key()),
          master_key, label_key, service.server().keys().encrypt.public_key()) {}

TestLabel::TestLabel(LabelProfile label_profile, PrivateKey master_key, PrivateKey label_key,
                     PublicKey service_key)
    : profile(std::move(label_profile)),
      master(std::move(master_key)),
      key(std::move(label_key)),
      service_encrypt(std::move(service_key)) {}

std::string TestLabel::Kid() const { return KeyUdf(key.public_key()); }

KeySetRecord TestLabel::Record(const TestAccount& administrator) const {
  KeySetRecord record;
  record.profile = SignLabelProfile(profile, master);
  std::vector<LabelSecrets::EpochKey> keys;
  keys.push_back(
      {profile.epoch, PrivateKey::FromBytes(key.curve(), key.RevealBytes().Reveal()).value()});
  const LabelSecrets secrets{profile.label, master, std::move(keys)};
  record.secrets[administrator.DeviceUdf()] =
      SealLabelSecrets(secrets, administrator.encrypt.public_key()).value();
  return record;
}

EntryRecord TestLabel::Entry(const TestAccount& account) const {
  const Split split = SplitKey(key).value();
  const SealedHalf about{account.DeviceUdf(), Kid(), name()};
  EntryRecord entry;
  entry.device = account.DeviceUdf();
  entry.sign = ToJwk(account.sign.public_key());
  entry.epoch = profile.epoch;
  entry.key = Kid();
  entry.service_half = SealHalf(about, split.service_half, service_encrypt).value();
  entry.member_half = SealHalf(about, split.member_half, account.encrypt.public_key()).value();
  const Credential credential{account.sign.public_key(), true, profile.epoch,
                              static_cast<uint64_t>(SystemClock().NowSeconds() + kYear),
                              CredentialSubject(account.name.text(), account.Udf())};
  entry.credential = IssueCredential(master, credential).value();
  return entry;
}

UserRecord TestLabel::User(const TestAccount& account) const {
  return {name(), account.name.text(), account.Udf(), {Entry(account)}};
}

TestClient::TestClient(const TestService& service, const PrivateKey& device_key)
    : TestClient(service.domain(), service.address(), service.ca_file(), device_key) {}

TestClient::TestClient(std::string domain, std::string address, std::string ca_file,
                       const PrivateKey& device_key)
    : device(device_key),
      domain_(std::move(domain)),
      address_(std::move(address)),
      ca_file_(std::move(ca_file)),
      curl_(curl_easy_init()) {}

TestClient::~TestClient() { curl_easy_cleanup(curl_); }

HttpAnswer TestClient::Send(const Raw& raw) {
  CURL* curl = curl_;
  curl_easy_reset(curl);
  const std::string url = "https://" + domain_ + raw.path;
  const std::string connect = domain_ + ":443:" + address_;
  curl_slist* connect_to = curl_slist_append(nullptr, connect.c_str());
  curl_slist* headers = curl_slist_append(nullptr, "Expect:");
  const auto header = [&](const std::string& name, const std::string& value) {
    headers = curl_slist_append(headers, (name + ": " + value).c_str());
  };
  header("Host", raw.host.empty() ? domain_ : raw.host);
  if (!raw.content_type.empty()) header("Content-Type", raw.content_type);
  if (!raw.authorization.empty()) header("Authorization", raw.authorization);
  if (raw.chunked) header("Transfer-Encoding", "chunked");
  HttpAnswer answer;
  Upload upload{raw.zeros, 0};
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_CONNECT_TO, connect_to);
  curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file_.c_str());
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L);
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  if (raw.method == "POST") {
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    if (raw.zeros > 0) {
      curl_easy_setopt(curl, CURLOPT_READFUNCTION, ReadZeros);
      curl_easy_setopt(curl, CURLOPT_READDATA, &upload);
      if (!raw.chunked) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(raw.zeros));
      }
    } else {
      curl_easy_setopt(curl, CURLOPT_POSTFIELDS, raw.body.data());
      curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(raw.body.size()));
    }
  } else {
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, raw.method.c_str());
  }
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, TakeBody);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer.body);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, TakeHeader);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &answer);
  answer.curl_error = curl_easy_perform(curl);
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  answer.status = static_cast<int>(status);
  answer.sent = upload.sent;
  curl_slist_free_all(headers);
  curl_slist_free_all(connect_to);
  return answer;
}

namespace {

Response ParseAnswer(const HttpAnswer& answer) {
  const auto json = ParseJson(answer.body);
  auto response = json ? ParseResponse(*json) : Result<Response>(Fail(ErrorCode::kInvalid, ""));
  if (response) return *response;
  ADD_FAILURE() << "no response: curl " << answer.curl_error << ", status " << answer.status << ", "
                << answer.body;
  return ResponseStatus{StatusCode::kInternal, "test", answer.body};
}

}  // namespace

Response TestClient::CallBare(const Request& request) {
  Raw raw;
  raw.body = DumpJson(ToJson(request));
  return ParseAnswer(Send(raw));
}

HelloRequest TestClient::MakeHello() const {
  HelloRequest hello;
  hello.portal = domain_;
  HelloRequest::Session& session = hello.session.emplace();
  session.device = ToJwk(device.public_key());
  session.ephemeral = NewEphemeral();
  session.time = FormatTime(SystemClock().NowSeconds() + clock_offset);
  session.signature =
      device
          .Sign(HelloText({domain_, session.ephemeral, KeyUdf(device.public_key()), session.time}))
          .value();
  return hello;
}

void TestClient::Hello() {
  const PrivateKey ephemeral = PrivateKey::Generate(Curve::kX25519);
  const std::string time = FormatTime(SystemClock().NowSeconds() + clock_offset);
  const HandshakeText text{domain_, ephemeral.public_key().bytes(), KeyUdf(device.public_key()),
                           time};
  HelloRequest request;
  request.session = HelloRequest::Session{ToJwk(device.public_key()), text.client_ephemeral,
                                          device.Sign(HelloText(text)).value(), time};
  const Response response = CallBare(Request(request));
  const auto* hello = std::get_if<HelloResponse>(&response);
  ASSERT_TRUE(hello && hello->session) << StatusIn(response).description;
  const ServiceProfile service = VerifyServiceProfile(hello->service).value();
  const Sha256Digest transcript =
      Transcript(text, {hello->session->id, hello->session->ephemeral, service.Udf()});
  ASSERT_TRUE(service.sign.Verify(SessionText(transcript), hello->session->signature));
  keys = DeriveSessionKeys(ephemeral, hello->session->ephemeral, transcript).value();
  session_id = hello->session->id;
  sequence = 0;
}

TestClient::Raw TestClient::Sign(std::string body, const Signing& how) {
  if (!keys) Hello();
  Raw raw;
  raw.body = std::move(body);
  RequestAuthorization authorization;
  authorization.session_id = session_id;
  authorization.sequence = how.sequence ? *how.sequence : ++sequence;
  authorization.time = SystemClock().NowSeconds() + clock_offset + how.time_offset;
  authorization.mac =
      RequestMac(*keys, {raw.method, how.domain.empty() ? domain_ : how.domain, raw.path,
                         authorization.time, authorization.sequence, AsBytes(raw.body)});
  last_mac_ = authorization.mac;
  if (how.spoil_mac) authorization.mac[0] ^= 1;
  raw.authorization = FormatAuthorization(authorization);
  return raw;
}

bool TestClient::HasTrueMac(const HttpAnswer& answer) const {
  return answer.mac ==
         Base64UrlEncode(ResponseMac(*keys, last_mac_, answer.status, AsBytes(answer.body)));
}

ResponseStatus TestClient::StatusOfAnswer(const HttpAnswer& answer) const {
  return StatusIn(ParseAnswer(answer));
}

Response TestClient::Call(const Request& request) {
  const HttpAnswer answer = Send(Sign(DumpJson(ToJson(request))));
  EXPECT_TRUE(HasTrueMac(answer)) << answer.status << answer.body;
  return ParseAnswer(answer);
}

ResponseStatus TestClient::Register(const TestAccount& account) {
  SetRequest set;
  set.what.emplace<Json>(account.Jws());
  return StatusIn(Call(Request(set)));
}

ResponseStatus TestClient::SetLabel(const TestLabel& label, const TestAccount& administrator) {
  SetRequest set;
  set.what.emplace<KeySetRecord>(label.Record(administrator));
  return StatusIn(Call(Request(set)));
}

ResponseStatus TestClient::SetUser(const UserRecord& user) {
  SetRequest set;
  set.what.emplace<UserRecord>(user);
  return StatusIn(Call(Request(set)));
}

GetResponse TestClient::Grant(const std::string& kid, const std::vector<Bytes>& ephemerals) {
  GetRequest get;
  for (const Bytes& one : ephemerals) {
    get.grants.push_back({kid, one, Bytes(16, 0xDD), Bytes(32, 0xEE)});
  }
  const Response response = Call(Request(get));
  if (const auto* found = std::get_if<GetResponse>(&response)) return *found;
  GetResponse failed;
  failed.status = StatusIn(response);
  return failed;
}

Bytes NewEphemeral(Curve curve) {
  return PrivateKey::Generate(curve).public_key().CompressedBytes();
}

GrantRequest BoundGrant(const TestLabel& label, const Bytes& document,
                        const BoundEphemeral& ephemeral) {
  const std::string text = "jcd/1\n1\n" + Base64UrlEncode(document) + "\n" + label.name() +
                           "\nexample.com\nECDH-ES+A256KW " + label.Kid() + "\n";
  const EphemeralBinding binding = SignBinding(ephemeral, text).value();
  return {label.Kid(), ephemeral.agree.public_key().CompressedBytes(), document, Bytes(32, 0xEE),
          GrantBinding{text, binding.signer, binding.signature}};
}

World::World(Server::WrapStore wrap)
    : service("example.com", std::move(wrap)),
      label("Accounting#example.com", alice, service),
      alice_client(service, alice.sign),
      bob_client(service, bob.sign),
      carol_client(service, carol.sign) {
  EXPECT_TRUE(alice_client.Register(alice).ok());
  EXPECT_TRUE(alice_client.SetLabel(label, alice).ok());
  EXPECT_TRUE(alice_client.SetUser(label.User(bob)).ok());
}

StaticResult Static(TestClient& client, const std::string& type, const std::string& identifier) {
  GetRequest get;
  get.statics.push_back({type, identifier});
  const Response response = client.Call(Request(get));
  const auto* found = std::get_if<GetResponse>(&response);
  if (found != nullptr && found->statics.size() == 1) return found->statics[0];
  return {type, identifier, {StatusCode::kInternal, "test", "no answer"}, Json()};
}

}  // namespace recrypt
