// Addresses to listen on, as settings and people write them.
//
//   RECRYPT_ASSIGN(auto acceptor, ListenOn(executor, "127.0.0.1:8443"));
//   std::string where = AddressOf(acceptor);     // with the port that was picked
#ifndef RECRYPT_SERVICE_LISTENING_H_
#define RECRYPT_SERVICE_LISTENING_H_

#include <boost/asio/ip/tcp.hpp>
#include <string>

#include "core/base/result.h"

namespace recrypt {

// "address:port" or "[address]:port"; port 0 picks one. kInvalid for anything else, kIo when the
// address cannot be had.
Result<boost::asio::ip::tcp::acceptor> ListenOn(const boost::asio::any_io_executor& executor,
                                                const std::string& text);

std::string AddressOf(const boost::asio::ip::tcp::acceptor& acceptor);

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_LISTENING_H_
