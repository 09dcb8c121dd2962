// The in-memory Pub/Sub that the Go client ships for its own tests, as a program of its own.
package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"cloud.google.com/go/pubsub/v2/pstest"
	"google.golang.org/grpc/codes"
)

func main() {
	port := flag.Int("port", 8085, "port on 127.0.0.1")
	flag.Parse()
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(*port))
	// Its Seek brings messages back without their bodies, and the whole server ends over the first of them.
	noSeek := pstest.WithErrorInjection("Seek", codes.Unimplemented, "pstest cannot seek")
	server := pstest.NewServerWithAddress(address, noSeek)
	fmt.Println("listening on", server.Addr)
	ending := make(chan os.Signal, 1)
	signal.Notify(ending, syscall.SIGINT, syscall.SIGTERM)
	<-ending
	server.Close()
}
