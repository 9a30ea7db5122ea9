/// A port, and with it `…Layer`: for an implementation that does some of it in its own way and
/// leaves the rest to the one `below` it.
macro_rules! layered {
    (
        $(#[$about:meta])*
        pub trait $port:ident, $layer:ident {
            $(
                $(#[$promise:meta])*
                async fn $method:ident(&$self:ident $(, $name:ident: $type:ty)* $(,)?) -> $answer:ty;
            )*
            $(
                sync $(#[$fact:meta])*
                fn $told:ident(&$teller:ident) -> $value:ty;
            )*
        }
    ) => {
        $(#[$about])*
        #[async_trait]
        pub trait $port: Send + Sync {
            $(
                $(#[$promise])*
                async fn $method(&$self $(, $name: $type)*) -> $answer;
            )*
            $(
                $(#[$fact])*
                fn $told(&$teller) -> $value;
            )*
        }

        #[doc = concat!("Some of [`", stringify!($port), "`] in its own way, the rest as the one below.")]
        #[async_trait]
        pub trait $layer: Send + Sync {
            fn below(&self) -> &dyn $port;
            $(
                async fn $method(&$self $(, $name: $type)*) -> $answer {
                    $self.below().$method($($name),*).await
                }
            )*
            $(
                fn $told(&$teller) -> $value {
                    $teller.below().$told()
                }
            )*
        }

        #[async_trait]
        impl<L: $layer> $port for L {
            $(
                async fn $method(&$self $(, $name: $type)*) -> $answer {
                    $layer::$method($self $(, $name)*).await
                }
            )*
            $(
                fn $told(&$teller) -> $value {
                    $layer::$told($teller)
                }
            )*
        }
    };
}
