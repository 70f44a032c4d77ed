// An echo server on gnet 2.5.0, to compare with. In a copy of this file's directory:
//
//	go mod init peers && go get github.com/panjf2000/gnet/v2@v2.5.0 && go build -o /tmp/gnet gnet.go
//
// and in the repository:
//
//	java -jar benchmarks/target/benchmarks.jar compare jev:echo 'exec:/tmp/gnet 1'
//
// Its argument is the number of event loops. It prints its address, as all servers of the comparison do.
package main

import (
	"fmt"
	"log"
	"net"
	"os"
	"strconv"

	"github.com/panjf2000/gnet/v2"
)

type echo struct {
	gnet.BuiltinEventEngine
	address string
}

func (e *echo) OnBoot(gnet.Engine) gnet.Action {
	fmt.Println("listening on " + e.address)
	return gnet.None
}

func (e *echo) OnTraffic(c gnet.Conn) gnet.Action {
	bytes, err := c.Next(-1)
	if err == nil {
		_, err = c.Write(bytes)
	}
	if err != nil {
		return gnet.Close
	}
	return gnet.None
}

// Returns an address with a free port, since gnet does not tell the one of port 0.
func freeAddress() string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	defer listener.Close()
	return "tcp://" + listener.Addr().String()
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("arguments: none, or many (expected: the number of event loops)")
	}
	loops, err := strconv.Atoi(os.Args[1])
	if err != nil {
		log.Fatal("event loops: " + os.Args[1] + " (expected: a number)")
	}
	address := freeAddress()
	log.Fatal(gnet.Run(&echo{address: address}, address, gnet.WithNumEventLoop(loops)))
}
