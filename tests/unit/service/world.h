// What the tests of the service stand on: a real server over TLS on loopback, a small client, and
// accounts and labels with keys of their own.
//
//   TestService service;
//   TestAccount alice("alice@example.com");
//   TestClient client(service, alice.sign);
//   client.Register(alice);
#ifndef RECRYPT_TESTS_UNIT_SERVICE_WORLD_H_
#define RECRYPT_TESTS_UNIT_SERVICE_WORLD_H_

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "core/identity/credential.h"
#include "core/identity/profile.h"
#include "core/protocol/messages.h"
#include "core/protocol/session.h"
#include "core/recryption/bound_ephemeral.h"
#include "service/server.h"

namespace recrypt {

// The real time, until somebody moves it.
class TestClock : public Clock {
 public:
  int64_t NowSeconds() const override { return system_.NowSeconds() + offset_; }
  int64_t MonotonicMillis() const override { return system_.MonotonicMillis(); }
  void Advance(int64_t seconds) { offset_ += seconds; }

 private:
  SystemClock system_;
  std::atomic<int64_t> offset_ = 0;
};

class TestFolder {
 public:
  TestFolder();
  ~TestFolder();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A store that does not read, or does not write, while it is told so.
struct StoreFaults {
  std::atomic<bool> reads = false;
  std::atomic<bool> writes = false;
  // For a service that this outlives.
  Server::WrapStore Wrap();
};

// Runs SQL on the database `uri`, or on the SQLite file `path` where that is empty.
void ChangeStoreAt(const std::string& path, const std::string& uri, const std::string& sql);

class TestService {
 public:
  explicit TestService(const std::string& domain = "example.com", Server::WrapStore wrap = nullptr);
  // Stops, and starts again from the same state.
  void Restart();
  void Stop() { server_.reset(); }
  void Start();

  ServerConfig config;
  TestClock clock;
  const Server& server() const { return *server_; }
  Server& server() { return *server_; }
  const std::string& domain() const { return config.domain; }
  std::string address() const { return address_; }
  std::string ca_file() const { return config.state + "/tls.crt"; }
  StorePlace store_place() const { return {config.state, config.store}; }
  // Its store as a reader sees it, and for whoever changes it behind the service's back.
  std::unique_ptr<Store> ReadStore() const { return OpenStoreReadOnly(store_place()).value(); }
  void ChangeStore(const std::string& sql) const {
    ChangeStoreAt(StorePath(config.state), config.store, sql);
  }

 private:
  TestFolder folder_;
  Server::WrapStore wrap_;
  std::unique_ptr<Server> server_;
  std::string address_;
};

struct TestAccount {
  explicit TestAccount(const std::string& name);

  AccountName name;
  PrivateKey master = PrivateKey::Generate(Curve::kEd25519);
  PrivateKey sign = PrivateKey::Generate(Curve::kEd25519);
  PrivateKey encrypt = PrivateKey::Generate(Curve::kX25519);
  std::vector<Device> more_devices;
  uint64_t version = 1;

  std::string Udf() const;
  std::string DeviceUdf() const;
  Json Jws() const;  // of the profile, at `version`
};

struct TestLabel {
  TestLabel(const std::string& name, const TestAccount& owner, const TestService& service,
            Curve curve = Curve::kX25519);
  TestLabel(const std::string& name, const TestAccount& owner, const TestService& service,
            PrivateKey master_key, PrivateKey label_key);
  TestLabel(LabelProfile label_profile, PrivateKey master_key, PrivateKey label_key,
            PublicKey service_key);

  LabelProfile profile;
  PrivateKey master;
  PrivateKey key;
  PublicKey service_encrypt;

  std::string name() const { return profile.label.text(); }
  std::string Kid() const;
  KeySetRecord Record(const TestAccount& administrator) const;
  // An entry for the account's device, as an administrator makes it.
  EntryRecord Entry(const TestAccount& account) const;
  UserRecord User(const TestAccount& account) const;
};

// What came over the wire.
struct HttpAnswer {
  int curl_error = 0;
  int status = 0;
  std::string body;
  std::string mac;
  std::string retry_after;
  std::string request_id;
  uint64_t sent = 0;  // bytes of the body
};

class TestClient {
 public:
  TestClient(const TestService& service, const PrivateKey& device);
  TestClient(std::string domain, std::string address, std::string ca_file,
             const PrivateKey& device);
  ~TestClient();

  // Anything, as it is.
  struct Raw {
    std::string method = "POST";
    std::string path{kWellKnownPath};
    std::string host;  // empty: the domain
    std::string content_type = "application/json";
    std::string authorization;
    std::string body;
    uint64_t zeros = 0;  // instead of the body, this many zero bytes, streamed
    bool chunked = false;
  };
  HttpAnswer Send(const Raw& raw);

  // Makes a session, and checks the service's signature.
  void Hello();
  HelloRequest MakeHello() const;
  // Under the session (made when there is none); the answer's MAC is checked.
  Response Call(const Request& request);
  // Without a session.
  Response CallBare(const Request& request);

  struct Signing {
    std::string domain;  // empty: the right one
    int64_t time_offset = 0;
    std::optional<uint64_t> sequence;
    bool spoil_mac = false;
  };
  Raw Sign(std::string body, const Signing& how);
  Raw Sign(std::string body) { return Sign(std::move(body), Signing()); }
  bool HasTrueMac(const HttpAnswer& answer) const;  // for the last request signed
  ResponseStatus StatusOfAnswer(const HttpAnswer& answer) const;

  ResponseStatus Register(const TestAccount& account);
  ResponseStatus SetLabel(const TestLabel& label, const TestAccount& administrator);
  ResponseStatus SetUser(const UserRecord& user);
  GetResponse Grant(const std::string& kid, const std::vector<Bytes>& ephemerals);

  PrivateKey device;
  std::optional<SessionKeys> keys;
  Bytes session_id;
  uint64_t sequence = 0;
  int64_t clock_offset = 0;

 private:
  std::string domain_;
  std::string address_;
  std::string ca_file_;
  void* curl_;
  Sha256Digest last_mac_{};
};

// A plain TCP connection to "127.0.0.1:port" that gives up receiving after ten seconds.
UniqueFd ConnectTo(const std::string& address);

// Fresh ephemerals, as documents have them.
Bytes NewEphemeral(Curve curve = Curve::kX25519);
// What a writer puts into a header, for a document of this id.
GrantRequest BoundGrant(const TestLabel& label, const Bytes& document,
                        const BoundEphemeral& ephemeral);

// alice, who owns a label, at a service of their own.
struct World {
  explicit World(Server::WrapStore wrap = nullptr);

  TestService service;
  TestAccount alice{"alice@example.com"};
  TestAccount bob{"bob@example.net"};
  TestAccount carol{"carol@example.net"};
  TestLabel label;
  TestClient alice_client;
  TestClient bob_client;
  TestClient carol_client;
};

// What Get gives of one static resource.
StaticResult Static(TestClient& client, const std::string& type, const std::string& identifier);

}  // namespace recrypt

#endif  // RECRYPT_TESTS_UNIT_SERVICE_WORLD_H_
